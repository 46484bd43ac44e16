"""Candidates that behave badly towards the judge that calls them."""
