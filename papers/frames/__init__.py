"""Closed sentences about measured quantities, filled from the record."""
