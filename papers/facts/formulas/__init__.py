"""The formulas of a study's facts: its settings, its counts, its groups of runs, its effects."""

from nightlab.papers.facts.formulas import counts, effects, groups, settings

__all__ = ["counts", "effects", "groups", "settings"]  # each registers its own
