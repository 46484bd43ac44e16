"""SQLite, the first storage of ledgers."""
