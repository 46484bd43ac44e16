"""The evidence of a round, and the facts that are computed from it."""
