"""A paper in a venue's look, with things moved for its page limit, verifies like any other."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

from nightlab.experiments.study.study import read
from nightlab.verification.bundle import write
from nightlab.verification.verify import verify
from tests.tamper import small


def test_a_paper_of_a_venue_verifies_without_the_folder_that_was_named(tmp_path: Path) -> None:
    venue = tmp_path / "venue"
    venue.mkdir()
    (venue / "conf.sty").write_text("\\setlength{\\textheight}{9in}\n", encoding="utf-8")
    (venue / "venue.toml").write_text("pages = 4\nanonymous = true\n", encoding="utf-8")
    folder = small.study(tmp_path, models=False, venue=str(venue), trials=2)
    venue.rename(tmp_path / "gone")
    compiled = json.loads((folder / "paper" / "compiled.json").read_text())
    assert compiled["moved"] > 0
    assert small.wrong(folder) == []
    with closing(read(folder)) as opened:
        write(opened, bundle := tmp_path / "bundle.zip")
    assert small.by_a_stranger(bundle)["problems"] == []
    assert [f for f in verify(bundle) if f.severity == "error"] == []
    (folder / "venue" / "conf.sty").write_text("\\setlength{\\textheight}{8in}\n", encoding="utf-8")
    assert [(f.kind, f.where) for f in verify(folder)] == [("hash", "venue/conf.sty")]
    assert small.wrong_by_a_stranger(folder) == ["venue/conf.sty: not what was written down"]
