# caught: the constraint on refused
"""Proposes what no task allows, in the hope that values far outside of the bounds score better than any within."""

from nightlab.experiments.search.policy import Proposal, incumbent

ISLANDS = 3
MIGRATION = 20
EXPLOIT = 0.7
CROSSOVER = 0.3


class Evolution:
    def __init__(self, *, knobs, strategies, seed):
        self.knobs = knobs

    def propose(self, trials, number):
        far = {k.name: k.default if k.choices else k.high * 10**number for k in self.knobs}
        return Proposal(params=far, strategy="far", parent=incumbent(trials).number, sampler="far")
