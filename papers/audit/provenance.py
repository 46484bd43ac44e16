"""The gate over a whole manuscript: what of a draft the paper takes over.

Each text of a paper is what trusted code says of the study's evidence. A writer, whoever it is, can add readings to it,
in the sections that have room for them; each sentence of a reading is a frame that code has filled, or free and
licensed. Frames stand before the readings, in a paragraph that code introduces, so that no free sentence has a frame
for its neighbour. All else of a draft is a finding, and the code's own text stands there.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from nightlab.papers.audit.deviations import deviations
from nightlab.papers.audit.finding import Finding
from nightlab.papers.audit.ground import Ground
from nightlab.papers.audit.sentences import objection
from nightlab.papers.frames.words import Phrasings
from nightlab.papers.manuscript.manuscript import Manuscript

ROOMY = ("introduction", "discussion", "limitations")  # sections that may end with readings
KIND = "gate"
INTRODUCED = "In the words of the record:"
_READING = "> "
_ADDED = re.compile(rf"{re.escape(_READING)}|{re.escape(INTRODUCED)} ")  # what opens a paragraph that a writer added


def taken_over(
    draft: Manuscript,
    own: Manuscript,
    ground: Ground,
    frames: Mapping[str, Phrasings],
    readers: Collection[str] = (),
) -> tuple[Manuscript, list[Finding]]:
    """The paper that comes of a draft, and what was not taken over.

    own: what the code says in the draft's places, or a version that was let through before. readers: whose readings
    there may be, as a draft names them.
    """
    found = [*_strange(draft, own, readers)]
    sections = []
    for section in own.sections:
        said = next((s for s in draft.sections if s.key == section.key), section)
        recorded, kept, before = [], [], _readings(section.body)
        for text in _readings(said.body):
            if text not in before and (why := refusal(text, ground, frames, section.key)):
                found.append(Finding(KIND, f"section:{section.key}", why))
                continue
            filled, free = _parted(text, frames)
            recorded += filled
            kept += [f"{_READING}{free}"] if free else []
        told = [" ".join([INTRODUCED, *dict.fromkeys(recorded)])] if recorded else []
        body = "\n\n".join([_without_readings(section.body), *told, *kept])
        sections.append(replace(section, body=body))
    reader = draft.reader if draft.reader in readers else ""
    return replace(own, sections=tuple(sections), reader=reader), found


def refusal(text: str, ground: Ground, frames: Mapping[str, Phrasings], key: str = ROOMY[0]) -> str:
    """Why a reading cannot stand in a section; empty if it can."""
    if key not in ROOMY:
        return f"no reading may stand here: {_shown(text)}"
    plain = re.sub(r"\\(.)", r"\1", _parted(text, frames)[1])
    for sentence in filter(None, map(str.strip, re.split(r"(?<=[.!?])\s+", plain))):
        if reason := objection(sentence, ground):
            return f"{_shown(sentence)}: {reason}"
    return ""


def _parted(text: str, frames: Mapping[str, Phrasings]) -> tuple[list[str], str]:
    """The frames of a reading in their order, and what it says besides."""
    said = sorted((p for phrasings in frames.values() for p in phrasings), key=len, reverse=True)
    if not said:
        return [], text
    every = re.compile(rf"(?:^|(?<=[.!?”] ))(?:{'|'.join(map(re.escape, said))})(?= |$)")
    return every.findall(text), " ".join(every.sub("", text).split())


def _strange(draft: Manuscript, own: Manuscript, readers: Collection[str]) -> Iterator[Finding]:
    """Where a draft is not the code's own text, readings apart."""
    yield from deviations(draft, own, _ADDED)
    if draft.reader and draft.reader not in readers:
        yield Finding(KIND, "reader", f"no such reader took part: {_shown(draft.reader)}")


def _readings(body: str) -> list[str]:
    """The readings of a body, and what it says in the words of the record, each as one line."""
    parts = (_ADDED.sub("", part.strip()) for part in re.split(r"\n\s*\n", body) if _ADDED.match(part.strip()))
    return [" ".join(line.strip().removeprefix(_READING) for line in part.splitlines()) for part in parts]


def without_readings(m: Manuscript) -> Manuscript:
    """A manuscript's own text alone."""
    return replace(m, sections=tuple(replace(s, body=_without_readings(s.body)) for s in m.sections))


def _without_readings(body: str) -> str:
    parts = re.split(r"\n\s*\n", body)
    return "\n\n".join(part for part in parts if not _ADDED.match(part.strip()))


def stood_in(found: Collection[Finding], own: Manuscript) -> list[str]:
    """The places where the code's text stands in for a draft's, as a reader names them."""
    names = {f"section:{s.key}": s.heading for s in (*own.sections, *own.appendix)}
    places = (names.get(f.where.removesuffix(":heading"), f.where.split(":")[0].replace("_", " ")) for f in found)
    return list(dict.fromkeys(places))


def _shown(text: str) -> str:
    return repr(text if len(text) <= 120 else f"{text[:117]}...")
