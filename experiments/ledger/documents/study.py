"""Documents of a study: where it comes from, what its data are, when it was worked on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from nightlab.experiments.ledger.kinds import document
from nightlab.experiments.records import Params

Mode = Literal["pipeline", "experiment"]


@document("study", "origin")
@dataclass(frozen=True, kw_only=True)
class Origin:
    """The folder of the template, and when the study was begun.

    home: where the template's paths begin that lead out of it; of a fork, not the folder that it was copied from.
    """

    template: str
    started: str = ""
    home: str = ""


@document("study", "mode", older=lambda body: {"mode": body} if isinstance(body, str) else body)
@dataclass(frozen=True, kw_only=True)
class StudyMode:
    """Whether a paper follows the experiment."""

    mode: Mode = "pipeline"


@document("study", "fork")
@dataclass(frozen=True, kw_only=True)
class ForkOrigin:
    """The trial of another study that is the baseline here.

    edited: whether others than the template's author wrote its files. shut: whether the holdout was opened there.
    share: of the level of the claims, what it took along; None in an early version. recorded: whether that study could
    write it down.
    """

    study: str
    trial: int
    params: Params
    artifact: str = ""
    edited: bool = False
    shut: bool = False
    share: float | None = None
    recorded: bool = True


@document("study", "trust")
@dataclass(frozen=True, kw_only=True)
class Doubts:
    """What the first runs say against the evaluator."""

    doubts: tuple[str, ...] = ()


@document("study", "hashes", older=lambda body: body if "of" in body else {"of": body})
@dataclass(frozen=True, kw_only=True)
class TreeHashes:
    """The hash of what the study was begun with, by what it is: template, inputs, private data."""

    of: Mapping[str, str]


@document("study", "bound")
@dataclass(frozen=True, kw_only=True)
class BoundHashes:
    """The hash of the manifest of each file and folder that runs read where it lies."""

    of: Mapping[str, str]


@document("study", "files", older=lambda body: body if "of" in body else {"of": body})
@dataclass(frozen=True, kw_only=True)
class FileHashes:
    """The same file by file: the hash of each by its path."""

    of: Mapping[str, Mapping[str, str]]


@document("study", "sizes")
@dataclass(frozen=True, kw_only=True)
class DataSizes:
    """What the template has counted of the data when they were laid out: what it is -> how many."""

    of: Mapping[str, int]


@document("study", "copies")
@dataclass(frozen=True, kw_only=True)
class Copies:
    """Files of the private data that stand, at least in part, among the inputs as well, and of the holdout's that stand
    in dev; each with the place in it."""

    shared: tuple[str, ...] = ()
    both: tuple[str, ...] = ()


@document("draw")
@dataclass(frozen=True, kw_only=True)
class DrawHashes:
    """The hashes of a draw of the data, by its name and number."""

    inputs: str
    private: str


@document("fork")
@dataclass(frozen=True, kw_only=True)
class Forked:
    """What a fork of this study, by a number that counts from 1, took of its level. fork: tells two forks apart."""

    level: float
    fork: str = ""


@document("extension")
@dataclass(frozen=True, kw_only=True)
class Extension:
    """What a finished study was given more, by a number that counts from 1. round: the first one of its papers."""

    trials: int
    hours: float
    round: int


@document("done")
@dataclass(frozen=True, kw_only=True)
class Done:
    """The study, or its last extension, came to its end."""


@document("opened")
@dataclass(frozen=True, kw_only=True)
class SessionOpened:
    """When a session began, by the wall clock, and what tells of a start or a lack of memory of the machine."""

    at: float | None = None  # an early version did not say
    boot: str = ""
    out_of_memory: str = ""


@document("session")
@dataclass(frozen=True, kw_only=True)
class SessionClosed:
    """A session that ended in order, and its length."""

    wall_s: float
