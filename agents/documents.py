"""What the agents keep in a study's ledger, beside the ideas, reviews and analyses of `team`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ConfigDict, RootModel

from nightlab.experiments.ledger.kinds import document
from nightlab.experiments.records import Change


@document("proposal")
@dataclass(frozen=True, kw_only=True)
class Proposed:
    """The change for a trial, by its number. by: "model" or "search". repairs: the failed trial that it mends."""

    by: str
    repairs: int | None
    change: Change


@document("prose")
@dataclass(frozen=True, kw_only=True)
class Prose:
    """A model's parts of one draft with their frames, and how many sentences of which kind they have."""

    parts: Mapping[str, str]
    cut: int = 0
    free: int = 0
    frames: int = 0
    outcome: str = ""  # for which it was written


@document("gate")
@dataclass(frozen=True, kw_only=True)
class StoodIn:
    """The places of one draft in which the offline text stands in for what the gate refused, as a reader names them."""

    places: tuple[str, ...] = ()


@document("figure", "analyst-figure")
@dataclass(frozen=True, kw_only=True)
class AskedFigure:
    """What a model asked to see plotted; nothing where it brought no answer that would do.

    An earlier version kept code here, which nothing draws any more.
    """

    show: str = ""
    knobs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class EarlierIdea:
    """An idea of another study and its outcome."""

    study: str
    title: str
    hypothesis: str
    strategies: tuple[str, ...]
    outcome: str


@document("archive", "earlier")
class EarlierIdeas(RootModel[tuple[EarlierIdea, ...]]):
    """Those that were found when the study's own ideas were asked for."""

    model_config = ConfigDict(frozen=True)


@document("model")
@dataclass(frozen=True, kw_only=True)
class AnswersIn:
    """The mode of structured answers that a model was found to serve, by its name and address."""

    structured: str


@document("adapted")
@dataclass(frozen=True, kw_only=True)
class AdaptedParameter:
    """What a model's server does not take as it was sent, and what is sent instead: a name, a limit, or nothing."""

    model: str
    parameter: str
    instead: str | int | bool
    note: str


@dataclass(frozen=True, kw_only=True)
class SentMessage:
    role: str
    text: str


@document("prompt")
@dataclass(frozen=True, kw_only=True)
class SentPrompt:
    """What a model was asked, by the number of the call."""

    role: str
    stage: str
    messages: tuple[SentMessage, ...]


@document("fallback")
@dataclass(frozen=True, kw_only=True)
class Fallback:
    """A step that the offline agent did, since the model of the role brought no answer that would do."""

    role: str
    stage: str
    reason: str
