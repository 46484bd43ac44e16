"""The study that the sentences' ids come from, as the gate reads it."""

from __future__ import annotations

import json
from pathlib import Path

from nightlab.experiments.records import Fact
from nightlab.experiments.template import template as templates
from nightlab.experiments.template.template import Template
from nightlab.papers.audit.audit import names_of
from nightlab.papers.audit.ground import ground
from nightlab.papers.audit.sentences import Ground
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
        self.references: tuple[Reference, ...] = load_bib(self.template.folder / "references.bib")

    def ground(self, improved: bool | None) -> Ground:
        names = names_of(self.template)
        return ground(self.manuscript, self.references, names, names=names, improved=improved)

    def says(self, sentence: str, verdict: str) -> bool:
        """Whether some frame says what a sentence says."""
        return False
