"""Verification: whether a study's paper, files and rows are what its ledger says, with a runner only where runs are
repeated; and the bundle by which a stranger finds out."""
