"""What the free sentences of a study may lean on: what its code says of it, the abstracts, the captions, its words."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

from nightlab.experiments.template.template import Template
from nightlab.papers.audit import paraphrase
from nightlab.papers.audit.audit import names_of
from nightlab.papers.facts.evidence import Evidence
from nightlab.papers.literature import names as people
from nightlab.papers.literature.literature import Reference
from nightlab.papers.manuscript.manuscript import Manuscript

RECORD = ("method", "setup", "limitations", "reproduction")  # sections whose text tells of the protocol alone
PLANNED = frozenset({"prepared", "tested", "knobs"})  # what is said of a study before it has an outcome
_OPENING = 60  # words of a section that say what a reference to it may say


@dataclass(frozen=True, kw_only=True)
class Work:
    """A cited work: its title and abstract, and the family names of its authors."""

    title: str
    abstract: str = ""
    families: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return f"{self.title}. {self.abstract}"

    @property
    def sentences(self) -> tuple[str, ...]:
        return (self.title, self.abstract)


@dataclass(frozen=True, kw_only=True, eq=False)
class Ground:
    """What a free sentence may lean on.

    record: sentences that trusted code says of this study. targets: what a `{ref:KEY}` shows, in its caption's words.
    topic: words of the task, of the knobs and of the metrics. knobs: what the search may move, in words. improved: the
    verdict; None before there is one.
    """

    works: Mapping[str, Work] = field(default_factory=dict)
    targets: Mapping[str, str] = field(default_factory=dict)
    record: Collection[str] = ()
    topic: Collection[str] = ()
    names: Collection[str] = ()
    knobs: Collection[str] = ()
    improved: bool | None = None

    @cached_property
    def things(self) -> frozenset[str]:
        """Stems of what the study has: what a sentence cannot call left out."""
        return frozenset(s for text in (*self.record, *self.topic) for s in paraphrase.content(text))

    @cached_property
    def proper(self) -> frozenset[str]:
        """Words that may have capitals."""
        works = (part for w in self.works.values() for part in (w.text, " ".join(w.families)))
        texts = (*self.names, *self.topic, *self.record, *self.targets.values(), *works)
        return frozenset(w for text in texts for w in re.findall(r"[\w-]+", text))


def ground(
    template: Template,
    references: Sequence[Reference],
    *,
    manuscript: Manuscript | None = None,
    improved: bool | None = None,
    holds: Collection[str] = PLANNED,
) -> Ground:
    """The ground of a study's free sentences.

    manuscript: as trusted code wrote it. holds: what of `protocol.toml` holds of the study, see `holding`.
    """
    own = (
        [_words(s.body) for s in (*manuscript.sections, *manuscript.appendix) if s.key in RECORD] if manuscript else []
    )
    names = names_of(template)
    return Ground(
        works={r.key: Work(title=r.title, abstract=r.abstract, families=_families(r)) for r in references},
        targets=dict(_targets(manuscript)) if manuscript else {},
        record=(*protocol(frozenset(holds)), *own),
        topic=names,
        names=names,
        knobs=_knobs(template),
        improved=improved,
    )


def of_study(e: Evidence, references: Sequence[Reference], manuscript: Manuscript | None = None) -> Ground:
    """The ground of a study whose confirmation is done."""
    return ground(e.template, references, manuscript=manuscript, improved=e.improved, holds=holding(e))


def holding(e: Evidence) -> frozenset[str]:
    """What of the protocol holds of a study."""
    tested = e.claim.tested
    conditions = {
        "sandbox": e.level in ("S2", "S3"),
        "prepared": e.template.spec.data is not None,
        "tested": tested and not e.earlier,
        "t_test": "paired t-test" in e.claim.test,
        "ablated": bool(e.ablation),
        "sensitive": bool(e.sensitivity),
        "knobs": bool(e.template.knobs) and not e.edits,
        "sealed": tested and e.fresh_data and e.template.trust == "verified",
        "negative": tested and not e.improved,
        "one_draw": not e.preregistration.draws and e.preregistration.search_draws <= 1,
    }
    return frozenset(name for name, holds in conditions.items() if holds)


@cache
def protocol(holds: frozenset[str]) -> tuple[str, ...]:
    """The sentences of the protocol of which all that they need holds."""
    source = _protocol()
    needs = {word: name for name, words in source["needs"].items() for word in words}

    def missing(sentence: str) -> bool:
        return any(needs.get(w, "") not in ("", *holds) for w in re.findall(r"[\w-]+", sentence.casefold()))

    told = [text for kind, text in source["told"].items() if kind in ("always", "terms", *holds)]
    every = (s for text in told for s in re.split(r"(?<=\.)\s+", text.strip()))
    return tuple(s for s in every if not missing(s))


@cache
def _protocol() -> Any:
    return tomllib.loads(files("nightlab.papers.audit").joinpath("protocol.toml").read_text("utf-8"))


def _knobs(template: Template) -> list[str]:
    """What the search may move, in words: knobs and their strategies."""
    return [name.replace("_", " ") for name in (*(k.name for k in template.knobs), *template.strategies)]


def _families(reference: Reference) -> tuple[str, ...]:
    return tuple(people.parts(name)[1] for name in reference.authors if name != people.OTHERS)


def _targets(m: Manuscript) -> Iterator[tuple[str, str]]:
    for section in (*m.sections, *m.appendix):
        yield section.key, f"{_words(section.heading)}. {' '.join(_words(section.body).split()[:_OPENING])}"
    yield from ((f.key, _words(f.caption)) for f in m.figures)
    yield from ((t.key, _words(t.caption)) for t in m.tables)


def _words(markup: str) -> str:
    """The words of a markup, without its marks."""
    return " ".join(re.sub(r"[*`\\]", "", re.sub(r"\{[^{}]*\}", " ", markup)).split())
