"""Executors: where the runs of a study happen."""
