"""What verify.py computes by itself, against what the package does."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nightlab.experiments.claim.statistics.crossed import Row, crossed
from nightlab.experiments.claim.statistics.inference import compare
from tests.tamper.small import STRANGER


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_a_claim_for_other_items_comes_to_the_same(stranger: Any, seed: int, whole: bool) -> None:
    rng = np.random.default_rng(seed)
    rows = list[Row]()
    for _ in range(3 + 2 * seed):
        size = 12 if whole else int(rng.integers(4, 12))
        groups = np.arange(size) if whole else np.sort(rng.choice(9, size))
        rows.append(Row(differences=rng.normal(rng.normal(0.3, 0.2), 1, size), groups=groups))
    told = crossed(rows, trim=0.2, coverage=0.9)
    found = stranger.crossed([(r.differences.tolist(), r.groups.tolist()) for r in rows], 0.2, 0.9, True)
    expected = {"effect": told.effect, "low": told.low, "high": told.high, "p": told.p_value, "n": told.n}
    assert found == pytest.approx(expected, rel=1e-9)


def test_a_claim_for_other_seeds_comes_to_the_same(stranger: Any) -> None:
    before, after = np.random.default_rng(1).normal(0, 1, (2, 11)).tolist()
    pairs = list(zip(before, after, strict=True))
    told, found = compare(before, after, coverage=0.9), stranger.paired(pairs, 0.2, 0.9)
    assert found == pytest.approx({**found, "low": told.low, "high": told.high, "p": told.p_value}, rel=1e-9)


def test_what_is_there_twice_is_refused(stranger: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="twice"):
        stranger.parsed('{"effect": 1, "p": 2, "effect": 3}')
    with warnings.catch_warnings(), zipfile.ZipFile(file := tmp_path / "b.zip", "w") as archive:
        warnings.simplefilter("ignore")  # zipfile's own
        for content in ("one", "other"):
            archive.writestr("paper/paper.tex", content)
    (told,) = stranger.check(str(file))["problems"]
    assert "paper/paper.tex" in told
    assert len(STRANGER.read_text(encoding="utf-8").splitlines()) <= 500
