"""Experiment coding without a language model: numeric search over the declared knobs."""

from __future__ import annotations

from threadpoolctl import threadpool_limits

from nightlab.agents.team import Situation
from nightlab.experiments.numbers import written
from nightlab.experiments.records import Change
from nightlab.experiments.search.branch import branch, edited
from nightlab.experiments.search.policy import Exhausted, Policy, Proposal
from nightlab.experiments.search.registry import make_policy
from nightlab.experiments.template.artifact.diffs import changed


class OfflineCoder:
    """Asks a search policy for the next assignment within the idea's strategies."""

    def __init__(self, policy: str, seed: int) -> None:
        self._name, self._seed = policy, seed
        self._policies: dict[tuple[str, ...], Policy] = {}

    def propose(self, situation: Situation) -> Change:
        template, strategies = situation.template, situation.idea.strategies
        if not template.knobs:
            raise Exhausted("the template declares no knobs, and without a language model nothing else can change")
        policy = self._policies.get(strategies)
        if policy is None:
            policy = make_policy(self._name, knobs=template.knobs, strategies=strategies, seed=self._seed)
            self._policies[strategies] = policy
        with threadpool_limits(1):  # equal sums on any number of cores, and faster on small matrices
            proposal, number = _proposed(policy, situation)
        parent = situation.history[number].change
        moves = changed(proposal.params, parent.params)
        told = ", ".join(f"{name} from {written(old)} to {written(new)}" for name, (old, new) in moves.items())
        return Change(
            strategy=proposal.strategy,
            hypothesis=f"Moving {told} improves the {template.metric_label}.",
            params=proposal.params,
            artifact=parent.artifact,
            parent=number,
            proposer=proposal.sampler,
        )


def _proposed(policy: Policy, situation: Situation) -> tuple[Proposal, int]:
    """What the policy proposes for the files of the incumbent, and the trial in the study that it starts from."""
    known = branch(situation.trials)
    try:
        proposal = policy.propose(known.trials, situation.number)
    except Exhausted:
        if not edited(situation.trials):
            raise
        known = branch(situation.trials, inherit=False)  # what was tried with other files may be again
        proposal = policy.propose(known.trials, situation.number)
    return proposal, known.numbers[proposal.parent]
