"""Summaries, tests and intervals: what a claim's numbers are computed by."""
