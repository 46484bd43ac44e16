"""What a reviewer may ask for."""
