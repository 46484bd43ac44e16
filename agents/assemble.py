"""The team of a study: language models in the roles that its settings name, the offline agents beneath them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from nightlab.agents.chat.settings import ROLES, SOLVER, model_settings
from nightlab.agents.offline import offline_team
from nightlab.agents.team import Questions, Team
from nightlab.agents.telling.disclosure import shown
from nightlab.experiments.study.study import Study

if TYPE_CHECKING:
    from nightlab.agents.chat.models import Chat


def staff(study: Study) -> Team:
    """The offline team where no model is set; else models, each step of theirs backed by the offline agent.

    Raises Refused where a model will not serve this user at all.
    """
    settings = model_settings(study.ledger)
    offline = offline_team(study.settings)
    if not settings.any:
        return offline
    from nightlab.agents.chat.models import Models

    wanted = (*ROLES, *[SOLVER] * study.template.spec.evaluate.asks)
    models = Models(settings, study.ledger, wanted)
    models.greet()
    chats = {role: models.chat(role) for role in wanted if models.has(role)}
    roles = {role: shown(chat.name) for role, chat in chats.items()}
    team = dataclasses.replace(offline, roles=roles)
    for role, chat in chats.items():
        team = _with(team, role, chat, study)
    return team


def questions() -> dict[str, Questions]:
    """By role, how often a model in it is asked."""
    from nightlab.agents.model.analysis import ModelAnalyst
    from nightlab.agents.model.coding import ModelCoder
    from nightlab.agents.model.ideation import ModelIdeator
    from nightlab.agents.model.reviewing import ModelReviewer
    from nightlab.agents.model.writing import ModelWriter
    from nightlab.agents.offline.reviewing import offline_panel

    size, each = len(offline_panel()), ModelReviewer.questions
    panel = Questions(version=size * each.version + 1, revision=size * each.revision)  # and the chair's word
    return {
        "ideator": ModelIdeator.questions,
        "coder": ModelCoder.questions,
        "analyst": ModelAnalyst.questions,
        "writer": ModelWriter.questions,
        "reviewer": panel,
    }


def _with(team: Team, role: str, chat: Chat, study: Study) -> Team:
    """The team with a model in one more role."""
    from nightlab.agents.model.analysis import ModelAnalyst
    from nightlab.agents.model.coding import ModelCoder
    from nightlab.agents.model.ideation import ModelIdeator
    from nightlab.agents.model.reviewing import ModelChair, model_panel
    from nightlab.agents.model.solving import ModelSolver
    from nightlab.agents.model.writing import ModelWriter

    match role:
        case "ideator":
            return dataclasses.replace(team, ideator=ModelIdeator(chat, team.ideator, study))
        case "coder":
            return dataclasses.replace(team, coder=ModelCoder(chat, team.coder, study))
        case "analyst":
            return dataclasses.replace(team, analyst=ModelAnalyst(chat, team.analyst, study.ledger))
        case "writer":
            return dataclasses.replace(team, writer=ModelWriter(chat, team.writer, study.ledger))
        case "reviewer":
            return dataclasses.replace(
                team, reviewers=model_panel(chat, team.reviewers), chair=ModelChair(chat, team.chair)
            )
        case "solver":
            return dataclasses.replace(team, solver=ModelSolver(chat, study.ledger))
        case _:
            raise ValueError(f"{role!r} is no role")
