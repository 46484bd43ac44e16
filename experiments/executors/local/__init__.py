"""Executes experiments: sandbox, warm process, slots."""
