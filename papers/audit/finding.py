"""What the audit found wrong in a manuscript."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import ConfigDict, RootModel

from nightlab.experiments.ledger.kinds import document

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    kind: a short name, e.g. `bare-numeral`. where: e.g. `section:results`. text: a sentence for whoever mends it.
    """

    kind: str
    where: str
    text: str
    severity: Severity = "error"


@document("findings")
class Findings(RootModel[tuple[Finding, ...]]):
    """All that is wrong with one version of a paper."""

    model_config = ConfigDict(frozen=True)
