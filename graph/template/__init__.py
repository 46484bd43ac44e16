"""Templates before a night is spent on them: taken from elsewhere, checked, and given back."""
