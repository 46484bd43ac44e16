"""The manuscript: its records and its markup."""
