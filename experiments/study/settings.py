"""What a study is asked to do: the settings of each concern, declared once.

Those of the language models are a concern of the agents, `nightlab/agents/chat/settings.py`. Nothing heavy is imported
here, since the help of the command line is made of it.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, get_args

from nightlab.experiments.errors import NightlabError
from nightlab.experiments.ledger.kinds import document
from nightlab.experiments.options import Option, faults
from nightlab.experiments.records import Level, Rule

if TYPE_CHECKING:
    from nightlab.experiments.template.template import Template

TEMPLATES = "the template's"  # number, where none is given


class SettingsError(NightlabError):
    """A study that was asked for something impossible."""

    exit_code = 2


@dataclass(frozen=True, kw_only=True)
class BudgetSettings:
    """What a study may spend. Zero stands for the template's own number of trials, seeds or hours."""

    trials: Annotated[int, Option("Trials of the search.", low=1, origin=TEMPLATES)] = 0
    seeds: Annotated[int, Option("Replicates that a verdict may use.", low=1, origin=TEMPLATES)] = 0
    confirm_seeds: Annotated[
        int, Option("Fresh seeds for the claim, after the search.", low=2, high=1000, origin=TEMPLATES)
    ] = 0
    hours: Annotated[float, Option("Time limit of the search.", low=0.001, high=1e5, origin=TEMPLATES)] = 0.0
    workers: Annotated[int, Option("Runs at the same time.", low=1, origin="all cores")] = 1


@dataclass(frozen=True, kw_only=True)
class SearchSettings:
    """How a study searches and judges, and where its runs happen and its ledger is kept."""

    seed: Annotated[
        int, Option("Seed of the study; with one worker and its --key everything repeats exactly.", low=0)
    ] = 0
    key: Annotated[
        str,
        Option(
            "Key of the study's seeds, as its --json tells it: 32 hexadecimal digits that no experiment may know.",
            origin="drawn at random",
        ),
    ] = ""
    policy: Annotated[
        str, Option("Search: greedy, tree, evolution, archive, gp, random, or Optuna's own tpe and cmaes.")
    ] = "greedy"
    rule: Annotated[
        str, Option("Verdicts: paired (replicates against the noise) or strict (what scores better is kept).")
    ] = "paired"
    baselines: Annotated[
        str,
        Option(
            "Baselines that get as many runs as the search, by commas: random, tpe, cmaes, gp, and the template's own"
            " reference.",
            origin="none",
        ),
    ] = ""
    isolation: Annotated[
        Level | None,
        Option("Refuse to run below this level: S3, S2, S1 or S0. Code that a model wrote needs S3 without it."),
    ] = None
    executor: Annotated[
        str, Option("Where the runs happen: local, or the name that an installed package gives its executor.")
    ] = "local"
    storage: Annotated[
        str, Option("Where the ledger is kept: sqlite, or the name that an installed package gives its storage.")
    ] = "sqlite"


@dataclass(frozen=True, kw_only=True)
class OutputSettings:
    """What comes of a study besides its result."""

    rounds: Annotated[int, Option("Revision rounds at most.", low=0)] = 2
    venue: Annotated[
        str, Option("Folder of a venue's LaTeX: its style, page limit, and so on.", origin="[paper] of the template")
    ] = ""


@document("study", "settings")  # rows of earlier versions hold the settings of the models, too
@dataclass(frozen=True, kw_only=True)
class Settings(OutputSettings, SearchSettings, BudgetSettings):
    """All that a study was asked to do, but for its language models. Raises SettingsError."""

    def __post_init__(self) -> None:
        for fault in faults(self):
            raise SettingsError(fault)
        if self.rule not in get_args(Rule):
            raise SettingsError(f"rule = {self.rule!r} is no rule of verdicts; there are {', '.join(get_args(Rule))}")
        if self.isolation not in (None, *get_args(Level)):
            raise SettingsError(f"isolation = {self.isolation!r} is no level; give S3, S2, S1 or S0")
        if not (isinstance(self.key, str) and re.fullmatch("([0-9a-f]{32})?", self.key)):
            raise SettingsError(f"key = {self.key!r} must be 32 hexadecimal digits, as a study's --json tells its own")

    @property
    def rivals(self) -> tuple[str, ...]:
        """The baselines that are asked for, by name."""
        return tuple(dict.fromkeys(name for part in self.baselines.split(",") if (name := part.strip())))

    def filled(self, template: Template, *, draw_key: bool = True) -> Settings:
        """The same settings with the template's budget where none was given.

        draw_key: have a key of their own where none was given; a study of an early version has none.
        """
        budget = template.spec.budget
        return replace(
            self,
            trials=self.trials or budget.trials,
            seeds=self.seeds or budget.seeds,
            confirm_seeds=self.confirm_seeds or budget.confirm_seeds,
            hours=self.hours or budget.hours,
            key=self.key or (new_key() if draw_key else ""),
            workers=1 if template.interleaved else self.workers,  # a timing wants the machine for itself
        )


def new_key() -> str:
    """A key that nobody can guess."""
    return secrets.token_hex(16)


def refuse_idle(template: Template, *, edits: bool) -> None:
    """Raises SettingsError for a study in which nothing could be tried. edits: whether somebody proposes some."""
    from nightlab.experiments.template.knobs.derived import derived

    fresh = template.home == template.folder  # the copy that a fork starts from would have them already
    if not (template.knobs or edits or (fresh and derived(template))):
        raise SettingsError(
            f"template {template.name!r} declares no knobs, its editable files hold no constants that could be some,"
            " and without a language model nothing else can be changed; give --model, or declare knobs under"
            " [search.space]"
        )
