"""A judge that asks a language model: each question is a call in the ledger, and a limit ends the study, not a run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from nightlab.agents.assemble import staff
from nightlab.agents.chat.settings import ModelSettings
from nightlab.agents.chat.usage import usage
from nightlab.agents.model.solving import Unsolved
from nightlab.agents.telling.disclosure import counted, disclosed, statement
from nightlab.experiments.study.settings import Settings
from nightlab.experiments.study.study import read, reopen
from nightlab.graph import session
from nightlab.papers.manuscript.manuscript import Manuscript
from nightlab.verification.reproduce import reproduced
from tests.conftest import MakeTemplate

CANDIDATE = """\
PLACE = {}


def run(params, inputs, out, seed):
    PLACE.update(params)


def height(tools):
    told = tools["slope"](PLACE["x"])
    return (PLACE["x"] - 0.7) ** 2 + (PLACE["y"] - 0.2) ** 2 + told
"""
JUDGE = """\
def judge(candidate, private, split, seed):
    def slope(x):
        if not candidate.solver:
            return 0.0
        found = candidate.ask(f"How steep is it at {x}?", {"slope": "number"}, system="You know it.", temperature=0.5)
        return 9.0 if found is None else found["slope"]

    return {"height": candidate.call("height", returns=float, tools={"slope": slope}), "cost": 0.0}
"""
REFUSED = """\
try:
        told = tools["slope"](PROMPT)
    except Exception:
        told = 4.0"""
FILES = {"experiment.py": CANDIDATE, "evaluate.py": JUDGE}
TEMPLATE = {'entry = "evaluate:evaluate"': 'interactive = "evaluate:judge"\nasks = true'}
SETTINGS = Settings(trials=1, seeds=1, confirm_seeds=2)


def begun(
    make_template: MakeTemplate,
    tmp_path: Path,
    answers: list[object],
    files: Mapping[str, str] = FILES,
    **limits: int,
) -> Path:
    """A study whose judge asks a script."""
    script = tmp_path / "script.jsonl"
    rows = [{"role": "solver", "answer": answer} for answer in answers]
    rows[-1]["repeat"] = True
    script.write_text("\n".join(map(json.dumps, rows)))
    folder = make_template(TEMPLATE, files)
    models = ModelSettings(models={"solver": f"fake:{script}"}, **limits)
    return session.begin(folder, SETTINGS, tmp_path / "studies", "experiment", models)


def test_each_question_is_a_call_of_its_run(make_template: MakeTemplate, tmp_path: Path) -> None:
    folder = begun(make_template, tmp_path, ["no JSON", {"slope": 0.25}])
    session.work(folder, lambda _event: None)
    with reopen(folder) as study:
        asked = Counter(call.stage for call in study.ledger.calls.all())
        assert {f"run {run.id}, question 1" for run in study.ledger.runs()} <= asked.keys()
        assert set(asked.values()) == {1}
        heights = [run.outcome.metrics["dev"]["height"] for run in study.ledger.runs("search") if run.outcome]
        assert heights[0] == pytest.approx(9.0 + 0.36 + 0.49)
        assert heights[1:3] == [pytest.approx(0.25 + 0.36 + 0.49)] * 2
        assert usage(study.ledger)["fallbacks"] == 1
        team = staff(study)
        assert team.roles == {"solver": "fake:script"}
        counts = counted(study.ledger, team, "0")
        assert counts.roles["solver"].done == sum(asked.values()) - 1
        assert counts.roles["solver"].fallbacks == 1
        assert "without a language model" in statement(counts)
        assert "The language model fake:script answered what the judge asked" in statement(counts)
        assert "Asked without an answer" not in statement(counts)
        manuscript = disclosed(Manuscript(title="", authors_note="", abstract="", sections=()), counts)
        assert "Questions without an answer that could be used" in manuscript.appendix[-1].body
        assert "No language model had a part in making this study" in manuscript.appendix[-1].body
    (told,) = reproduced(folder, 2)
    assert (told.severity, "asked a language model" in told.text) == ("warning", True)


@pytest.mark.parametrize(
    ("prompt", "more"),
    [("''", ""), ("5", ""), ("'Where?'", ", temperature=3"), ("'Where?'", ", system=7")],
    ids=["empty", "no text", "too hot", "no system"],
)
def test_what_is_no_question_is_refused_to_who_asked_it(
    make_template: MakeTemplate, tmp_path: Path, prompt: str, more: str
) -> None:
    files = {
        "experiment.py": CANDIDATE.replace('told = tools["slope"](PLACE["x"])', REFUSED.replace("PROMPT", prompt)),
        "evaluate.py": JUDGE.replace("def slope(x)", "def slope(prompt)")
        .replace('f"How steep is it at {x}?"', "prompt")
        .replace(', system="You know it.", temperature=0.5', more),
    }
    folder = begun(make_template, tmp_path, [{"slope": 0.25}], files=files)
    session.work(folder, lambda _event: None)
    with closing(read(folder)) as study:
        assert not [call for call in study.ledger.calls.all() if call.stage.startswith("run")]
        first = study.ledger.runs("search")[0]
        assert first.outcome
        assert first.outcome.metrics["dev"]["height"] == pytest.approx(4.0 + 0.36 + 0.49)


def test_a_form_may_have_any_names(make_template: MakeTemplate, tmp_path: Path) -> None:
    judge = JUDGE.replace('"slope"', '"model_config"')
    files = {"experiment.py": CANDIDATE.replace('"slope"', '"model_config"'), "evaluate.py": judge}
    folder = begun(make_template, tmp_path, [{"model_config": 0.25}], files=files)
    session.work(folder, lambda _event: None)
    with closing(read(folder)) as study:
        first = study.ledger.runs("search")[0]
        assert first.outcome
        assert first.outcome.metrics["dev"]["height"] == pytest.approx(0.25 + 0.36 + 0.49)


def test_a_limit_ends_the_study_and_settles_no_run(make_template: MakeTemplate, tmp_path: Path) -> None:
    folder = begun(make_template, tmp_path, [{"slope": 0.25}], tokens=600)
    with pytest.raises(Unsolved, match=r"answers no more: the budget for models \(600 tokens\) has no room") as raised:
        session.work(folder, lambda _event: None)
    assert raised.value.exit_code == 3
    with closing(read(folder)) as study:
        assert any(call.answer for call in study.ledger.calls.all())
        assert study.ledger.unsettled_runs()
        assert {run.outcome.status for run in study.ledger.runs() if run.outcome} == {"ok"}


def test_without_a_model_nobody_answers(make_template: MakeTemplate, tmp_path: Path) -> None:
    folder = make_template(TEMPLATE, FILES)
    made = session.begin(folder, SETTINGS, tmp_path / "studies", "experiment")
    session.work(made, lambda _event: None)
    with closing(read(made)) as study:
        assert not study.ledger.calls.all()
        first = study.ledger.runs("search")[0]
        assert first.outcome
        assert first.outcome.metrics["dev"]["height"] == pytest.approx(0.36 + 0.49)
