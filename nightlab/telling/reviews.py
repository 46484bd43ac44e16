"""Reviews as the command line tells them: of one paper, and round by round."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nightlab.agents.team import ACCEPT, Answer, MetaReview, Review
from nightlab.experiments.ledger.documents.study import Extension
from nightlab.experiments.study.study import Study
from nightlab.papers.figures.reviews import Round, draw
from nightlab.telling.terminal import Terminal

FORM = ("overall", "soundness", "presentation", "contribution", "originality", "quality", "clarity", "significance")


def rounds(study: Study) -> list[dict[str, Any]]:
    """Every round in the form of `run --json`; one that begins an extension has its number."""
    metas = study.ledger.all(MetaReview).values()
    forms = study.ledger.all(Review)
    begun = {more.round: int(key) for key, more in study.ledger.all(Extension).items()}
    answers = {m.round + 1: m.answers for m in metas}
    return [
        {
            "round": m.round,
            "overall": m.overall,
            "decision": m.decision,
            "scores": dict(m.scores),
            "kept": m.kept,
            "by_threshold": m.by_threshold or m.decision,
            "spread": m.spread,
            "reviewers": [_row(f) for key, f in forms.items() if key.startswith(f"{m.round}.")],
            "agreement": list(m.agreement),
            "disagreement": list(m.disagreement),
            "compared": [c.model_dump(mode="json") for c in m.compared],
            "changed": [_done(a) for a in answers.get(m.round, ()) if a.kind in ("text", "experiment")],
            "asked": [a.model_dump(mode="json") for a in m.answers],
            **({"extension": number} if (number := begun.get(m.round)) else {}),
        }
        for m in metas
    ]


def _row(form: Review) -> dict[str, Any]:
    return {"reviewer": form.reviewer, **{name: getattr(form, name) for name in FORM}, "decision": form.decision,
            "by": form.by}  # fmt: skip


def _done(answer: Answer) -> str:
    return f"{answer.kind}: {answer.request.action}"


def plot(study: Study) -> Path:
    """Write scores.pdf into the study's folder: each reviewer's overall score and the mean, round by round."""
    file = study.folder / "scores.pdf"
    told = [
        Round(
            number=r["round"],
            scores={form["reviewer"]: form["overall"] for form in r["reviewers"]},
            mean=r["overall"],
            kept=r["kept"],
        )
        for r in rounds(study)
    ]
    draw(file, told, ACCEPT)
    return file


def print_review(told: Mapping[str, Any]) -> None:
    """One paper's review."""
    console = Terminal()

    def say(text: str) -> None:
        console.print(text, soft_wrap=True, markup=False)

    say(f"{told['title']}\n{told['paper']}")
    if told["note"]:
        say(f"note   {told['note']}")
    for form in told["reviews"]:
        scores = ", ".join(f"{name} {form[name]}" for name in FORM[:4])
        say(f"\n{form['reviewer']} ({form['by']}): {scores}; {form['decision']}\n  {form['summary']}")
        for sign, name in (("+", "strengths"), ("-", "weaknesses"), ("?", "questions")):
            for line in form[name]:
                say(f"  {sign} {line}")
    say(f"\narea chair: {told['summary']} Spread of the overall scores {told['spread']:g}.")
    if again := told.get("repeated"):
        scores = ", ".join(f"{score:g}" for score in again["overall"])
        say(f"repeated: overall {scores}; {again['spread']:g} apart, standard deviation {again['stdev']:g}")
    for line in told["agreement"]:
        say(f"  = {line}")
    for line in told["disagreement"]:
        say(f"  # {line}")
    for found in told["findings"]:
        say(f"audit  {found['severity']}: {found['text']} ({found['where']})")
