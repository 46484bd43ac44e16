"""The study that the sentences' ids come from, as the gate reads it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from nightlab.experiments.records import Fact
from nightlab.experiments.template import loading as templates
from nightlab.experiments.template.template import Template
from nightlab.papers.audit import paraphrase
from nightlab.papers.audit.ground import Ground, ground
from nightlab.papers.frames.frames import sayings
from nightlab.papers.frames.record import Record
from nightlab.papers.literature.literature import Reference, load_bib
from nightlab.papers.manuscript.manuscript import Manuscript, read

HERE = Path(__file__).parent / "study"


class Study:
    """A study's folder: evidence.json, manuscript.json; the template that it was made with ships."""

    def __init__(self, folder: Path = HERE, template: str = "digits") -> None:
        self.template: Template = templates.load(template)
        self.manuscript: Manuscript = read(folder / "manuscript.json")
        rows = json.loads((folder / "evidence.json").read_text(encoding="utf-8"))
        self.facts = {row["id"]: Fact(**{"arguments": {}, **row, "runs": tuple(row["runs"])}) for row in rows}
        self._known: dict[bool, dict[str, tuple[str, ...]]] = {}
        self.references: tuple[Reference, ...] = load_bib(self.template.folder / "references.bib")

    def ground(self, improved: bool | None) -> Ground:
        holds = {"sandbox", "prepared", "tested", "t_test", "ablated", "sensitive", "knobs", "sealed", "one_draw"}
        holds |= {"negative"} if improved is False else set()
        return ground(self.template, self.references, manuscript=self.manuscript, improved=improved, holds=holds)

    @cached_property
    def _cells(self) -> dict[str, list[tuple[str, ...]]]:
        return {t.key: list(t.rows) for t in self.manuscript.tables}

    def record(self, improved: bool) -> Record:
        """What the frames say of the study; of one without an improvement, the interval is told as if it held zero."""
        facts = dict(self.facts)
        if not improved:
            facts["claim.low"] = replace(facts["claim.low"], value=-1.0)
        chosen = {
            knob.name: row[4].strip("`") if row[4].startswith("`") else facts[f"chosen.{knob.name}"].value
            for knob, row in zip(self.template.knobs, self._cells["knobs"], strict=True)
        }
        parts = [id.split(".")[1] for id in facts if id.startswith("ablation.") and id.endswith(".effect")]
        kept = [(int(row[0].strip("`T")), row[1]) for row in self._cells["kept"] if row[1] != "baseline"]
        return Record(
            facts=facts,
            metric=self.template.fitness_label,
            lower=True,
            split="holdout",
            improved=improved,
            best=39,
            kept={number: tuple(re.split(", | and ", concern)) for number, concern in kept},
            parts={key: "{1} of trial `T{0}`".format(*key.removeprefix("without-").split("-")) for key in parts},
            helps=[key for key in parts if facts[f"ablation.{key}.p"].value < 0.05],
            defaults=self.template.defaults,
            chosen=chosen,
            author=" ".join(self.template.spec.template.description.split()),
            told=self.template.spec.data.told if self.template.spec.data else (),
        )

    def says(self, sentence: str, verdict: str) -> bool:
        """Whether frames say what a sentence says: one has most of its words, or some together have its facts."""
        wanted = set(_FACT.findall(sentence))
        said = set(paraphrase.content(sentence)) - _LIGHT
        joined = ""
        for phrasings in self.sayings(verdict == "improvement").values():
            frame = " ".join(phrasings)
            if wanted & set(_FACT.findall(frame)):
                joined += f" {frame}"
            if not wanted and len(said & set(paraphrase.content(frame))) >= 0.6 * len(said):
                return True
        shared = said & set(paraphrase.content(joined))
        return bool(wanted) and wanted <= set(_FACT.findall(joined)) and len(shared) >= 0.25 * len(said)

    def sayings(self, improved: bool) -> dict[str, tuple[str, ...]]:
        """The frames of the study, by their names."""
        if improved not in self._known:
            self._known[improved] = sayings(self.record(improved))
        return self._known[improved]


_FACT = re.compile(r"\{fact:([^{}]+)\}")
_LIGHT = frozenset(paraphrase.content("has reaches gives takes follows stays rises along costs well"))
