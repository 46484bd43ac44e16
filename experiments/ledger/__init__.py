"""The ledger of a study: its tables, and the records that it keeps."""
