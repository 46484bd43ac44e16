"""Scripts for `fake:SCRIPT`: a team of models at work, good and bad."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

IDEA = {
    "title": "A path to the east of the valley",
    "question": "Does a walk to the east lower the height more than the noise hides?",
    "hypothesis": "We hypothesize that moving east lowers the height beyond the noise.",
    "strategies": ["east", "north", "flying"],
    "plan": "Move east in small steps.",
    "expected_effect": "A clear fall of the height.",
    "risks": "The height falls by 3 metres by luck.",
}
OTHER = IDEA | {"title": "A path to the north of the valley", "strategies": ["north"], "risks": "The noise hides it."}
SECOND = {"nearest": "walks2020", "novelty": 6, "hypothesis": "Moving east alone lowers the height beyond the noise."}
READING = {
    "conclusions": "{say:search} We suspect that noise hides the floor of the valley. It fell by 80 %.",
    "threats": ["Other valleys were not tried.", "There were 5 seeds."],
    "experiment": "sensitivity",
}
DRAWING = {"show": "strategies"}
TEXTS = {
    "introduction": "Valleys are hard to measure when the instrument is noisy. We study how to search one.",
    "discussion": "{say:search} Nothing here shows that the path carries over. A test is added {cite:dreams2030}.",
    "limitations": "Other valleys were not tried. A second valley should be searched next.",
}
FORM: dict[str, Any] = {
    "summary": "The paper searches a valley with noise.",
    "strengths": ["The test was fixed beforehand."],
    "weaknesses": ["There is one task only."],
    "questions": [],
    "limitations": "One valley.",
    "originality": 2,
    "quality": 3,
    "clarity": 3,
    "significance": 2,
    "soundness": 3.0,
    "presentation": "3/4",
    "contribution": 2,
    "overall": 5,
    "confidence": 3,
    "requests": [
        {"action": "discussion", "text": "Say what other valleys would need."},
        {"action": "buy-a-computer", "text": "Use more."},
    ],
}
CHAIR = {"agreement": ["All find it clear."], "disagreement": [], "summary": "Fair.", "decision": "reject"}
DULL = "The change may do 100 % better \\input{x} and twice as well."


def good(file: Path) -> str:
    """A model that mostly keeps the rules; returns its name."""
    rows: list[dict[str, Any]] = [
        {"role": "ideator", "stage": "idea 0", "answer": IDEA},
        {"role": "ideator", "stage": "idea 1", "answer": IDEA},  # taken: goes back
        {"role": "ideator", "stage": "idea 1", "answer": OTHER},
        {"role": "ideator", "stage": "*reflection", "answer": SECOND, "repeat": True},
        {"role": "analyst", "stage": "figure", "answer": DRAWING},
        {"role": "analyst", "answer": READING, "repeat": True},
        {"role": "writer", "stage": "*outline", "answer": {"discussion": "say what holds"}},
        {"role": "writer", "stage": "*critique", "answer": {"notes": [{"part": "limitations", "problem": "dull"}]}},
        *({"role": "writer", "stage": f"*{key}", "answer": {"text": text}} for key, text in TEXTS.items()),
        {"role": "writer", "stage": "*again", "answer": {"text": "Now it is said " + DULL}},
        {
            "role": "writer",
            "stage": "*again",
            "answer": {"text": "Walks are told as walks are told by those who walk. " + DULL},
            "repeat": True,
        },
        {"role": "reviewer", "stage": "* chair", "answer": CHAIR, "repeat": True},
        {"role": "reviewer", "stage": "floor*", "answer": FORM | {"overall": 9}, "repeat": True},
        {"role": "reviewer", "answer": FORM, "repeat": True},
    ]
    return _written(file, rows)


LIES = (
    "The best configuration is twice as good as the baseline.",
    "The accuracy is 99.9 percent.",
    "The effect is -{fact:claim.effect}.",
    "The study has {fact:search.trials}{fact:search.trials} trials.",
    "XXIV layers were used.",
    "The holdout was used to choose the best configuration.",
    "Earlier work was withdrawn for fraud {cite:walks2020}.",
    "There is no threat to the validity of the study.",
    "It may be noted that the path clearly wins.",
    "This is a state-of-the-art result.",
    "The gain comes from the shape of the valley.",
    "The path carries over to every valley.",
    "All runs were made on a V100 in Zurich.",
    "Human walkers did not reach this height.",
    "The reviewers praised the study.",
)


def liar(file: Path) -> str:
    """A model that lies in every role, in fluent English and in the right form."""
    told = " ".join(LIES)
    idea = IDEA | {"title": LIES[9], "hypothesis": LIES[11], "expected_effect": LIES[1], "risks": LIES[7]}
    rows: list[dict[str, Any]] = [
        {"role": "ideator", "stage": "*reflection", "answer": SECOND | {"hypothesis": LIES[10]}, "repeat": True},
        {"role": "ideator", "answer": idea, "repeat": True},
        {"role": "coder", "answer": {"params": {"x": 1.0}, "strategy": "state_of_the_art", "hypothesis": told}},
        {"role": "analyst", "stage": "figure", "answer": {"show": "verdicts", "caption": LIES[1]}},
        {
            "role": "analyst",
            "answer": {"conclusions": told, "threats": list(LIES), "experiment": "none"},
            "repeat": True,
        },
        {"role": "writer", "stage": "*outline", "answer": dict.fromkeys(TEXTS, told), "repeat": True},
        {"role": "writer", "stage": "*critique", "answer": {"notes": [{"part": "discussion", "problem": told}]}},
        {
            "role": "writer",
            "answer": {"text": f"{told} {{say:search}} We suspect that walks differ with the weather of the valley."},
            "repeat": True,
        },
        {"role": "reviewer", "answer": FORM | {"summary": told, "overall": 10}, "repeat": True},
    ]
    return _written(file, rows)


def rubbish(file: Path) -> str:
    """A model whose every answer is useless in a way of its own."""
    answers: list[Any] = [
        "\\input{/etc/passwd} \\write18{rm -rf /}",
        {"text": "The loss is 42 % lower, twice as good \\input{x} {fact:nope} {cite:nope}."},
        {"text": "损失下降了。" * 50, "conclusions": "", "title": "", "notes": 7, "overall": 99},
        "x" * 100_000,
        {"text": ["no"], "conclusions": {}, "strategies": "east"},
    ]
    roles = ("ideator", "analyst", "writer", "reviewer", "coder")
    rows = [{"role": role, "answer": a} for role in roles for a in answers * 2]
    return _written(file, [*rows, {"answer": "no", "repeat": True}])


def _written(file: Path, rows: list[dict[str, Any]]) -> str:
    file.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return f"fake:{file}"
