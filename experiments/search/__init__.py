"""Which change to try next."""
