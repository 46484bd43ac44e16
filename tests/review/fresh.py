"""Kinds of damage that were thought of after the mechanisms were made, and counted before any of those was mended."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from nightlab.papers.manuscript.manuscript import Manuscript, Table
from tests.review.damage import Damage, damage, section, swap, texts

FRESH: list[Damage] = []
fresh = partial(damage, into=FRESH)


def table(m: Manuscript, key: str, change: Callable[[Table], Table]) -> Manuscript:
    return replace(m, tables=tuple(change(t) if t.key == key else t for t in m.tables))


def body(m: Manuscript, key: str) -> str:
    return next((s.body for s in m.sections if s.key == key), "")


@fresh("units exchanged", "miscalled")
def _(m: Manuscript) -> Manuscript:
    return texts(m, lambda t: swap(re.sub(r"\bMB\b", "GB", t), "seconds", "minutes"))


@fresh("rows of the main table deleted", "left-out")
def _(m: Manuscript) -> Manuscript:
    return table(m, "main", lambda t: replace(t, rows=t.rows[: len(t.rows) // 2]))


@fresh("rows of the trials that failed or were reverted deleted", "left-out")
def _(m: Manuscript) -> Manuscript:
    def kept(t: Table) -> Table:
        return replace(t, rows=tuple(r for r in t.rows if not re.search(r"reverted|failed", " ".join(r))))

    return table(m, "all-trials", kept)


@fresh("sample size changed in the method alone", "miscalled")
def _(m: Manuscript) -> Manuscript:
    return section(m, "method", lambda t: t.replace("{fact:setting.confirm_seeds}", "{fact:setting.trials}"))


@fresh("half of the citations dropped", "few-citations")
def _(m: Manuscript) -> Manuscript:
    keys = list(dict.fromkeys(re.findall(r"\{cite:([^}]*)\}", "".join(s.body for s in m.sections))))
    gone = set(keys[::2])
    return texts(m, lambda t: re.sub(r" ?\{cite:([^}]*)\}", lambda c: "" if c[1] in gone else c[0], t))


@fresh("threats softened", "overclaim")
def _(m: Manuscript) -> Manuscript:
    return section(m, "limitations", lambda t: f"The following points are of minor weight for all practical ends. {t}")


@fresh("a limitation turned into a strength", "overclaim")
def _(m: Manuscript) -> Manuscript:
    def turned(text: str) -> str:
        _, *rest = text.split("\n\n")
        return "\n\n".join(["The focus on a single well understood task is what makes the result dependable.", *rest])

    return section(m, "limitations", turned)


@fresh("what the ablation finds is negated", "disagreement")
def _(m: Manuscript) -> Manuscript:
    return section(
        m, "ablation", lambda t: re.sub(r"\b(helps|contributes|matters|loses|costs|shows)\b", r"hardly \1", t)
    )


@fresh("the hypothesis's verdict turned", "disagreement")
def _(m: Manuscript) -> Manuscript:
    turned = texts(m, lambda t: swap(t, "supported", "refuted"))
    return texts(turned, lambda t: t.replace("is open", "is answered")) if turned == m else turned


@fresh("the task's name replaced", "off-topic")
def _(m: Manuscript) -> Manuscript:
    word = max(re.findall(r"[A-Za-z]{4,}", m.title), key=len)
    return texts(m, lambda t: re.sub(rf"\b{word}\b", "ImageNet", t))


@fresh("a sign changed in the formulas", "miscalled")
def _(m: Manuscript) -> Manuscript:
    return texts(m, lambda t: re.sub(r"\$[^$]+\$", lambda f: swap(f[0], "-", "+"), t))


@fresh("captions in another language", "gibberish")
def _(m: Manuscript) -> Manuscript:
    german = "Verlauf und Ergebnis der Versuche, wie sie im Protokoll der Studie verzeichnet sind."
    return replace(m, figures=tuple(replace(f, caption=german) for f in m.figures))


@fresh("a paragraph of an unrelated study", "off-topic")
def _(m: Manuscript) -> Manuscript:
    more = (
        "Forty patients with chronic migraine were assigned to either arm of the trial. Headache days fell in both"
        " arms, and the drug was tolerated well, so that physicians may offer it to adults who did not respond before."
    )
    return section(m, "discussion", lambda t: f"{t}\n\n{more}")


@fresh("an effect replaced by the end of its interval", "miscalled")
def _(m: Manuscript) -> Manuscript:
    return section(m, "conclusion", lambda t: t.replace("{fact:claim.effect}", "{fact:claim.high}"))


@fresh("negations taken out of the limits", "overclaim")
def _(m: Manuscript) -> Manuscript:
    return section(m, "limitations", lambda t: re.sub(r"\b(?:not|nothing|no|never) ", "", t))


@fresh("one task told as many", "overclaim")
def _(m: Manuscript) -> Manuscript:
    return texts(m, lambda t: re.sub(r"\bone task\b", "a wide range of tasks", t))


@fresh("hedges taken out", "overclaim")
def _(m: Manuscript) -> Manuscript:
    return texts(m, lambda t: re.sub(r"\b(?:may|might|could)\b", "will", re.sub(r"\bsuggests\b", "proves", t)))


@fresh("the test told as another one", "disagreement")
def _(m: Manuscript) -> Manuscript:
    return texts(m, lambda t: t.replace("paired", "unpaired").replace("one-sided", "two-sided"))


@fresh("the confirmation told as on the search's seeds", "leak")
def _(m: Manuscript) -> Manuscript:
    return section(m, "method", lambda t: re.sub(r"\bfresh seeds?\b", "the seeds of the search", t))


@fresh("the files of two figures exchanged", "exchanged-captions")
def _(m: Manuscript) -> Manuscript:
    if len(m.figures) < 2:
        return m
    a, b, *rest = m.figures
    return replace(m, figures=(replace(a, file=b.file), replace(b, file=a.file), *rest))


@fresh("cells of a column moved down by one", "miscalled")
def _(m: Manuscript) -> Manuscript:
    def moved(t: Table) -> Table:
        last = [row[-1] for row in t.rows]
        return replace(
            t, rows=tuple((*row[:-1], cell) for row, cell in zip(t.rows, last[-1:] + last[:-1], strict=True))
        )

    return table(m, "all-trials", moved)


@fresh("headings of results and discussion exchanged", "misplaced", "order")
def _(m: Manuscript) -> Manuscript:
    headings = {s.key: s.heading for s in m.sections}
    other = {"results": headings["discussion"], "discussion": headings["results"]}
    return replace(m, sections=tuple(replace(s, heading=other.get(s.key, s.heading)) for s in m.sections))


@fresh("human authors on the first page", "no-authors")
def _(m: Manuscript) -> Manuscript:
    return replace(m, authors_note="The authors contributed equally and thank their colleagues for advice.")


@fresh("a cause asserted", "overclaim")
def _(m: Manuscript) -> Manuscript:
    return section(m, "discussion", lambda t: f"{t}\n\nThe outcome is caused by smoother gradients in late layers.")


@fresh("consent of participants told", "off-topic")
def _(m: Manuscript) -> Manuscript:
    return section(m, "setup", lambda t: f"{t} All participants gave informed consent and were paid for their time.")


@fresh("other keywords", "off-topic")
def _(m: Manuscript) -> Manuscript:
    return replace(m, keywords=("protein folding", "graph theory"))


@fresh("the listed code altered", "left-out")
def _(m: Manuscript) -> Manuscript:
    return replace(m, listings=tuple(replace(c, diff=re.sub(r"(?m)^\+(\w)", r"+# \1", c.diff)) for c in m.listings))


@fresh("the reproduction's commands altered", "left-out")
def _(m: Manuscript) -> Manuscript:
    return replace(
        m,
        appendix=tuple(
            replace(s, body=s.body.replace("`nightlab", "`otherlab")) if s.key == "reproduction" else s
            for s in m.appendix
        ),
    )


@fresh("sections in another order", "order")
def _(m: Manuscript) -> Manuscript:
    a, b, *rest = m.sections
    return replace(m, sections=(b, a, *rest))


@fresh("a sentence of the results in the abstract's place", "doubled", "thin-section")
def _(m: Manuscript) -> Manuscript:
    return replace(m, abstract=body(m, "results").split("\n\n")[0])
