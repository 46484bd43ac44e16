"""What the free sentences of a study may lean on: what its code says of it, the abstracts, the captions, its words."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from importlib.resources import files

from nightlab.papers.audit.sentences import Ground, Work
from nightlab.papers.literature import names as people
from nightlab.papers.literature.literature import Reference
from nightlab.papers.manuscript.manuscript import Manuscript

RECORD = ("method", "setup", "limitations", "reproduction")  # sections whose text tells of the protocol alone
_OPENING = 60  # words of a section that say what a reference to it may say


def ground(
    manuscript: Manuscript | None,
    references: Sequence[Reference],
    topic: Collection[str],
    *,
    names: Collection[str] = (),
    improved: bool | None = None,
    sealed: bool = True,
) -> Ground:
    """The ground of a study's free sentences.

    manuscript: as trusted code wrote it. topic: the task, knobs and metrics in words. sealed: whether the claim rests
    on a holdout that only the evaluator sees.
    """
    conditions = {"always": True, "holdout": sealed, "negative": improved is False}
    protocol = [told for when, told in _protocol() if conditions[when]]
    works = {r.key: Work(title=r.title, abstract=r.abstract, families=_families(r)) for r in references}
    if manuscript is None:
        return Ground(works=works, record=protocol, topic=topic, names=names, improved=improved)
    own = [_words(s.body) for s in (*manuscript.sections, *manuscript.appendix) if s.key in RECORD]
    return Ground(
        works=works,
        targets=dict(_targets(manuscript)),
        record=(*protocol, *own),
        topic=topic,
        names=names,
        improved=improved,
    )


@cache
def _protocol() -> tuple[tuple[str, str], ...]:
    source = files("nightlab.papers.audit").joinpath("protocol.toml").read_text("utf-8")
    return tuple((each["when"], " ".join(each["told"].split())) for each in tomllib.loads(source)["holds"])


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
