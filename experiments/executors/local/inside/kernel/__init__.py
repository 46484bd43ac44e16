"""What the kernel is asked for: isolation, limits, and what processes use and have written."""
