"""The gallery says which templates it shows, and has their pictures."""

from __future__ import annotations

import json

from benchmarks import gallery
from nightlab.experiments.template.loading import names

ROWS = json.loads(gallery.ROWS.read_text(encoding="utf-8"))


def test_the_page_is_what_the_rows_say() -> None:
    assert (gallery.GALLERY / "README.md").read_text(encoding="utf-8") == gallery.page(ROWS)
    assert {*ROWS} <= {*names()}
    for name in ROWS:
        assert (gallery.GALLERY / f"{name}.png").is_file()
        assert (gallery.GALLERY / f"{name}-figure.png").is_file()


def test_what_is_not_shown_is_named() -> None:
    first, *others = names()
    page = gallery.page({first: ROWS["digits"]})
    assert f"Papers of 1 of the {len(names())} templates that ship" in page
    assert f"Not here: {', '.join(others)}." in page
    assert "Papers of each template that ships" in gallery.page(dict.fromkeys(names(), ROWS["digits"]))
