"""What came of the search, in facts, tables and sentences."""
