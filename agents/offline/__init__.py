"""The five roles without a language model: search, statistics, prose out of facts, and a published rubric."""

from __future__ import annotations

from nightlab.agents.team import Team
from nightlab.experiments.study.settings import Settings

STATEMENT = (
    "Written by Nightlab's offline team: no language model took part in the ideas, the experiments, the text or the"
    " reviews."
)


def offline_team(settings: Settings) -> Team:
    """The embedded default."""
    from nightlab.agents.offline.analysis import OfflineAnalyst
    from nightlab.agents.offline.chairing import OfflineChair
    from nightlab.agents.offline.ideation import OfflineIdeator
    from nightlab.agents.offline.proposing import OfflineCoder
    from nightlab.agents.offline.reviewing import offline_panel
    from nightlab.agents.offline.writing import OfflineWriter

    return Team(
        ideator=OfflineIdeator(),
        coder=OfflineCoder(settings.policy, settings.seed),
        analyst=OfflineAnalyst(settings.seed),
        writer=OfflineWriter(),
        reviewers=offline_panel(),
        chair=OfflineChair(),
        statement=STATEMENT,
    )
