"""The settings of language models: which one fills which role, how it is called, and what it may cost.

Nothing heavy is imported here, since the help of the command line is made of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from nightlab.experiments.ledger.kinds import document
from nightlab.experiments.options import Option, declared, faults
from nightlab.experiments.study.settings import Settings, SettingsError

if TYPE_CHECKING:
    from nightlab.experiments.ledger.ledger import Ledger

ROLES = ("ideator", "coder", "analyst", "writer", "reviewer")
QUESTION = "run "  # what the stage of a judge's question to the solver begins with
SOLVER = "solver"  # who answers what a template's judge asks, where it may (`evaluate.asks`): no member of the team
NONE = "none"  # in place of a model's name: none in this role
PANEL = "Language models"


@document("study", "models", formerly=Settings)
@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """The language models of a study. Raises SettingsError.

    models: by role, before `model`. tokens, usd: 0 for no limit. parameters: by role, how its model is called. prices:
    USD per million tokens, by model. replay: the folder of a recorded study.
    """

    model: Annotated[
        str,
        Option(
            "A model for every role: openai:NAME, another provider's PROVIDER:NAME, or fake:SCRIPT."
            " Without one, nor one in nightlab.toml, the offline team works.",
            origin=None,
            panel=PANEL,
        ),
    ] = ""
    models: Annotated[
        Mapping[str, str],
        Option("A model of its own for the reviewers.", origin=None, panel=PANEL, role="reviewer"),
    ] = field(default_factory=dict)
    base_url: Annotated[
        str,
        Option(
            "Address of a server that speaks OpenAI's protocol, e.g. http://127.0.0.1:8000/v1.",
            origin=None,
            panel=PANEL,
        ),
    ] = ""
    tokens: Annotated[int, Option("Limit on tokens, in and out together.", low=1, origin=None, panel=PANEL)] = 0
    usd: Annotated[float, Option("Limit on the price of all calls.", low=1e-6, high=1e6, origin=None, panel=PANEL)] = (
        0.0
    )
    record: Annotated[bool, Option("Keep every prompt and answer in the study.", panel=PANEL)] = False
    replay: Annotated[
        str,
        Option(
            "A recorded study: its answers are used instead of a model's, its settings where none are given.",
            origin=None,
            panel=PANEL,
            shown="PATH",
        ),
    ] = ""
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    prices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for fault in faults(self):
            raise SettingsError(fault)
        known = (*ROLES, SOLVER)
        if strangers := set(self.models) - set(known):
            raise SettingsError(f"models: {min(strangers)!r} is no role; the roles are {', '.join(known)}")

    def of(self, role: str) -> str:
        """The name of the model in a role; empty where the offline agent has it."""
        return self.models.get(role, self.model)

    @property
    def any(self) -> bool:
        """Whether a model fills a role."""
        return bool(self.model or any(self.models.values()))

    @property
    def edits(self) -> bool:
        """Whether a model, or the recording of one, proposes what runs."""
        return bool(self.of("coder") or self.replay)


def model_settings(ledger: Ledger) -> ModelSettings:
    """Those of a study."""
    return ledger.get(ModelSettings) or ModelSettings()


def settings_from(given: Mapping[str, Any]) -> tuple[Settings, ModelSettings]:
    """The settings of a study by their names, whichever concern they belong to. Raises SettingsError."""
    ours, models = parted(given)
    return Settings(**ours), ModelSettings(**models)


def parted(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same for what differs from other settings. Raises SettingsError for a name that no setting has."""
    from nightlab.experiments.template.diagnostics import unknown

    both = declared(Settings), declared(ModelSettings)
    for name in given:
        if not any(name in concern for concern in both):
            raise SettingsError(f"{name} {unknown(name, [*both[0], *both[1]])}")
    ours, models = ({name: value for name, value in given.items() if name in concern} for concern in both)
    return ours, models
