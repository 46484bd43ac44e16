"""A template: its contract and its files, checked where they enter."""
