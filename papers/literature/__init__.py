"""Records of real sources."""
