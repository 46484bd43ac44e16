"""docs/gallery/: the first page and a figure of papers of the templates, with their scores, times and commands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pypdfium2

from nightlab.experiments.template.loading import load, names

GALLERY = Path(__file__).parents[1] / "docs" / "gallery"
ROWS = GALLERY / "gallery.json"
PAGE, FIGURE, COLOURS = 600, 700, 48  # pixels across, and of a picture
LIKED = ("confirmation", "progress")  # of the figures of every paper


def add(row: dict[str, Any]) -> None:
    """Take a study's paper into the gallery, in place of the one that it has of that template. row: of templates.py."""
    GALLERY.mkdir(exist_ok=True)
    paper, name = Path(row["pdf"]), row["template"]
    picture(paper, PAGE, GALLERY / f"{name}.png")
    picture(best_figure(paper.parent / "figures"), FIGURE, GALLERY / f"{name}-figure.png")
    rows = json.loads(ROWS.read_text(encoding="utf-8")) if ROWS.exists() else {}
    rows[name] = {key: value for key, value in row.items() if key not in ("pdf", "attacks")}
    ROWS.write_text(json.dumps(dict(sorted(rows.items())), indent=1) + "\n", encoding="utf-8")
    (GALLERY / "README.md").write_text(page(rows), encoding="utf-8")


def page(rows: Mapping[str, dict[str, Any]]) -> str:
    """The gallery's page: what it shows and what it lacks, then a part for each paper. rows: of gallery.json."""
    lacking = [name for name in names() if name not in rows]
    shown = f"{len(rows)} of the {len(names())} templates that ship" if lacking else "each template that ships"
    head = f"Papers of {shown}, written by `make gallery`. Times are those of the machine that did."
    if lacking:
        head += f" Not here: {', '.join(lacking)}."
    return "\n\n".join(("# Gallery", head, *(part(kept) for _, kept in sorted(rows.items())))) + "\n"


def picture(pdf: Path, width: int, png: Path) -> None:
    """The first page of a PDF, in few colours so that it stays small."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        page = document[0]
        image = page.render(scale=width / page.get_width()).to_pil().quantize(COLOURS)
    finally:
        document.close()
    image.save(png, optimize=True)


def best_figure(figures: Path) -> Path:
    """A figure of the domain where one is drawn, else the one of every paper that is liked most."""
    found = {file.stem: file for file in sorted(figures.glob("*.pdf"))}
    own = (name for name in found if name.startswith("view-"))
    return found[next(name for name in (*own, *LIKED, *found) if name in found)]


def part(row: dict[str, Any]) -> str:
    """What the gallery's page says of a template."""
    name, claim = row["template"], row["claim"]
    template = load(name)
    gain = "no gain was tested on the holdout"
    if claim:
        shown = "claimed" if claim["significant"] else "not claimed"
        where = "the holdout" if claim["split"] == "holdout" else "the development split"
        gain = f"gain on {where} {spanned(claim)}, {shown}"
    return "\n".join(
        (
            f"## {name}: {template.spec.template.title}",
            "",
            f"`nightlab run {name} --trials {row['trials']} --seed {row['seed']}`: {row['minutes']:.1f} minutes,"
            f" {row['pages']} pages; the panel gives {row['overall']} of 10 ({row['decision']})."
            f" {template.metric_label[:1].upper()}{template.metric_label[1:]}: {row['baseline']:.4g} before,"
            f" {row['best']:.4g} after the search; {gain}.",
            "",
            f'<img src="{name}.png" alt="First page" width="46%"> '
            f'<img src="{name}-figure.png" alt="A figure" width="50%">',
        )
    )


def spanned(claim: dict[str, Any]) -> str:
    """The effect of a claim with its interval; one whose runs are all the same has none."""
    low, high = claim["ci95"]
    return f"{claim['effect']:.4g} ({'exact' if low == high else f'{low:.4g} to {high:.4g}'})"
