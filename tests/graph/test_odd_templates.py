"""Templates at the edges of the contract: the pipeline ends with a paper whose audit has no objection."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import nightlab
from nightlab.experiments.claim.caveats import notes
from nightlab.experiments.study.settings import Settings, SettingsError
from nightlab.experiments.study.study import create, read
from nightlab.experiments.template.loading import load
from nightlab.experiments.template.template import TemplateError
from nightlab.papers.manuscript.manuscript import read as read_manuscript
from nightlab.papers.manuscript.tables import NONE
from nightlab.telling.progress import claim_told
from tests.conftest import EVALUATE, EXPERIMENT, PREPARE, TOML, MakeTemplate

PRINTS = """\
import json, os, random
p = json.load(open(os.environ["NIGHTLAB_PARAMS"]))
noise = random.Random(os.environ["NIGHTLAB_SEED"] + str(p["x"])).gauss(0, 0.01)
print("height:", 1 - (p["x"] - 0.7) ** 2 + noise)
"""


PaperOf = Callable[..., tuple[str, Any]]


@pytest.fixture(params=[0, pytest.param(1, marks=pytest.mark.long)], ids=["first", "revised"])
def paper_of(request: pytest.FixtureRequest) -> PaperOf:
    """Makes the paper of a template, as it was first written and after a round of revision."""
    return partial(_paper_of, request.param)


def _paper_of(rounds: int, folder: Path, trials: int = 8) -> tuple[str, Any]:
    """The text of the paper and the claim; fails on any error that the audit found."""
    place = nightlab.run(folder, out=folder.parent / "studies", trials=trials, rounds=rounds, workers=2)
    study = read(place)
    errors = [f for found in study.ledger.documents("findings").values() for f in found if f["severity"] == "error"]
    claim = study.claim
    study.close()
    assert errors == []
    assert (place / "paper" / "paper.pdf").is_file()
    return (place / "paper" / "paper.tex").read_text(encoding="utf-8"), claim


def test_a_program_that_prints_a_metric_to_maximise(make_template: MakeTemplate, paper_of: PaperOf) -> None:
    toml = TOML.replace('entry = "experiment:run"', 'command = ["python", "experiment.py"]')
    toml = toml.replace('[data]\nprepare = "prepare:prepare"\n', "").replace("minimize", "maximize")
    toml = toml.replace('entry = "evaluate:evaluate"', 'parse = "stdout"')
    toml = toml.replace('[[constraint]]\nmetric = "cost"\nmax = 1.5\npenalty = 10.0\n', "")
    folder = make_template(files={"template.toml": toml, "experiment.py": PRINTS})
    text, claim = paper_of(folder, trials=12)
    assert claim.split == "dev"
    assert "reported by the experiment itself" in text
    for untrue in ("the judge lies outside", "sealed holdout", "cannot reach its judge", "private data", "split only"):
        assert untrue not in text


def test_a_template_without_knobs_and_a_model_is_refused_before_any_run(make_template: MakeTemplate) -> None:
    toml = TOML.split("[search.space.x]")[0] + "[budget]" + TOML.split("[budget]")[1]
    fixed = EXPERIMENT.replace("    noise =", "    params = dict([('x', 0.1), ('y', 0.9)])\n    noise =")
    folder = make_template(files={"template.toml": toml, "experiment.py": fixed})
    for call in (nightlab.run, nightlab.experiment):
        with pytest.raises(SettingsError, match=r"'toy' declares no knobs.*give --model, or declare knobs") as refused:
            call(folder, out=folder.parent / "studies")
        assert refused.value.exit_code == 2
    assert not (folder.parent / "studies").exists()


def test_a_private_file_among_the_inputs_is_told(make_template: MakeTemplate, paper_of: PaperOf) -> None:
    both = "\n".join(f"    ({name} / 'same').write_text('0123456789' * 20)" for name in ("inputs", "private"))
    text, _ = paper_of(make_template(files={"prepare.py": f"{PREPARE}\n{both}\n"}))
    assert "stand among the inputs as well" in text
    for untrue in ("sealed holdout", "seeds and data", "data that the search never saw"):
        assert untrue not in text


def test_a_baseline_beyond_a_constraint_is_told(make_template: MakeTemplate) -> None:
    folder = make_template(files={"template.toml": TOML.replace("max = 1.5", "max = 0.01")})
    place = nightlab.experiment(folder, out=folder.parent / "studies", trials=1)["study"]
    with closing(read(Path(place))) as study:
        verdict = study.ledger.trials()[0].verdict
        assert notes(study)["Baseline"].startswith("The baseline itself violates the hard constraint on cost, so")
    assert verdict is not None
    assert "violates the constraint max = 0.01" in verdict.reason


def test_one_report_has_the_faults_of_a_template_and_of_its_bibliography(make_template: MakeTemplate) -> None:
    bib = "@misc{one, author = {A}, year = 2020}\n@misc{two, title = {T}, doi = {none}}"
    folder = make_template(files={"template.toml": TOML.replace("minimize", "smaller"), "references.bib": bib})
    with pytest.raises(TemplateError) as caught:
        nightlab.run(folder, out=folder.parent / "studies")
    faults = str(caught.value).splitlines()
    for fault, told in zip(faults, ("direction", "one: has no title", "two: 'none' is no DOI"), strict=True):
        assert told in fault
    assert not (folder.parent / "studies").exists()


STILL = """
def prepare(inputs, private, seed):
    (inputs / 'noise').write_text('0')
    (private / 'offset.json').write_text('{"dev": 0, "holdout": 0}')
"""


def test_runs_without_noise_make_exact_claims_and_a_holdout_of_the_same_data_is_noticed(
    make_template: MakeTemplate,
    paper_of: PaperOf,
) -> None:
    folder = make_template(files={"prepare.py": STILL})
    text, claim = paper_of(folder, trials=10)
    assert (claim.low, claim.p_value) == (claim.effect, 0.0)
    assert "The runs are deterministic, the same on every seed, so the effect is exact" in text
    assert "exact: the same on every seed" in text
    assert "there is no noise in them, so the effect is exact" in text
    assert "fresh seeds repeat what the search has measured: the gain is exact" in text
    for untrue in ("lucky draws", "in proportion to", "bear its gain over the baseline out"):
        assert untrue not in text.replace("lucky draws along with", "")
    assert "exact, since all runs are the same on every seed: an improvement" in claim_told(claim)
    assert claim.split == "dev"
    assert "The metric counts as reported only: the evaluator gives the same objective and constraints" in text
    for untrue in (
        "sealed holdout",
        "verified by",
        "reported by the experiment itself",
        "opened once",
        "seeds and data",
        "data that the search never saw",
    ):
        assert untrue not in text
    for untrue in ("t-interval of the paired", "(p ", "standard error $0", "significant for", "interval from"):
        assert untrue not in text


def test_a_gain_that_is_equal_on_every_seed_is_not_exact_where_runs_differ(
    make_template: MakeTemplate, paper_of: PaperOf
) -> None:
    common = EXPERIMENT.replace("{seed} {params['x']} {params['y']}", "{seed}").replace("random.Random", "_of")
    noisy = "def _of(text):\n    rng = random.Random(text)\n    rng.gauss = lambda *_: rng.choice((0.0, 0.25))\n"
    whole = common.replace("def run", f"{noisy}    return rng\n\n\ndef run").replace(
        '(params["x"] - 0.7) ** 2', 'int(params["x"] < 0.5)'
    )
    flat = whole.replace('(params["y"] - 0.2) ** 2', "0")
    text, claim = paper_of(make_template(files={"experiment.py": flat}), trials=10)
    assert claim.low == claim.effect == 1.0
    assert "All observed differences of the claim are equal, so their spread cannot be estimated from them" in text
    assert "in all 6 pairs, so that its spread cannot be estimated: an improvement" in claim_told(claim)
    for untrue in ("deterministic", "exact", "no noise", "more seeds would show the same", "the same on every seed"):
        assert untrue not in text


@pytest.mark.long
@pytest.mark.parametrize("lowered", [0.85, 0.8])  # the first by all that the baseline has
def test_a_baseline_near_zero_has_no_relative_gain(
    make_template: MakeTemplate, paper_of: PaperOf, lowered: float
) -> None:
    evaluate = EVALUATE.replace('answer["height"] + offset', f'answer["height"] - {lowered}')
    text, claim = paper_of(make_template(files={"evaluate.py": evaluate}), trials=12)
    assert claim.significant
    assert "claim.relative" not in text


@pytest.mark.long
def test_values_of_many_sizes_without_noise_keep_their_digits(make_template: MakeTemplate, paper_of: PaperOf) -> None:
    small = EVALUATE.replace('answer["height"] + offset', '(answer["height"] + offset) ** 9')
    folder = make_template(files={"prepare.py": STILL, "evaluate.py": small})
    text, _ = paper_of(folder, trials=12)
    assert "10^{-" in text


def test_a_soft_constraint_s_penalty_is_not_sold_as_the_metric(make_template: MakeTemplate, paper_of: PaperOf) -> None:
    soft = {"penalty = 10.0": "penalty = 10.0\nhard = false", "max = 1.5": "max = 0.5"}
    text, _ = paper_of(make_template(soft), trials=10)
    assert "penalised height" in text
    assert "Any violation of the bounds on cost adds a penalty in proportion to it" in text


def test_a_claim_is_not_exact_where_only_the_search_saw_noise(make_template: MakeTemplate) -> None:
    folder = make_template()
    study = read(create(load(folder), Settings(), folder.parent / "peek"))
    seed = study.seeds.of("search", 5)
    study.close()
    flat = '(params["x"] - 0.7) ** 2 + (params["y"] - 0.2) ** 2 + noise'
    once = EXPERIMENT.replace(flat, f'int(params["x"] < 0.5) + 0.1 * (seed == {seed})')
    assert once != EXPERIMENT
    (folder / "experiment.py").write_text(once)
    found = nightlab.experiment(folder, out=folder.parent / "studies", trials=8)
    assert found["claim"]["ci95"] == [1.0, 1.0]
    assert not any("deterministic" in note for note in found["notes"])
    with closing(read(Path(found["study"]))) as study:
        assert not study.claim.alike


def test_a_best_that_fails_on_every_fresh_seed_claims_nothing(make_template: MakeTemplate, paper_of: PaperOf) -> None:
    """Runs from the third claim of a change on fail: the experiment counts its seeds by their parity with a file."""
    fragile = EXPERIMENT.replace(
        "    noise =",
        "    if params['x'] != 0.1 and seed not in SEARCH:\n        raise RuntimeError('fresh')\n    noise =",
    )
    folder = make_template()
    study = read(create(load(folder), Settings(), folder.parent / "peek"))
    seeds = {study.seeds.of("search", i) for i in range(32)}
    study.close()
    (folder / "experiment.py").write_text(f"SEARCH = {seeds!r}\n{fragile}")
    toml = (folder / "template.toml").read_text().replace('strategy = "north"', 'strategy = "east"')
    (folder / "template.toml").write_text(toml)
    text, claim = paper_of(folder, trials=10)
    assert (claim.tested, claim.significant) == (False, False)
    assert claim.failed_runs == 6
    told = claim_told(claim)
    assert f"too few confirmation runs of trial {claim.chosen} and of the baseline succeeded" in told
    assert "too few confirmation runs of the chosen trial and of the baseline succeeded on the same seeds" in text
    assert "too few confirmation runs of it and of the baseline succeeded on the same seeds" in text
    for untrue in ("no trial led", "left out on both sides", "no candidate", "nothing to test", "the baseline itself"):
        assert untrue not in text.lower()
    assert "no trial led" in claim_told(replace(claim, chosen=0))
    assert "No confirmed improvement" in text


@pytest.fixture(params=[0, pytest.param(1, marks=pytest.mark.long)], ids=["first", "revised"], scope="module")
def oddities(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study of a template whose author's words and choices hold digits, whose evaluator gives a metric only
    sometimes and another on the holdout alone, and which has no references."""
    evaluate = EVALUATE.replace("    return {", ODD_METRICS).replace('"cost"]}', '"cost"]} | more')
    choices = {'"calm", "odd"': '"resnet50", "50", "16-bit"', 'default = "calm"': 'default = "50"'}
    toml = TOML.replace("measured with noise", "measured with noise in 2 places, 30 times")
    for old, new in choices.items():
        toml = toml.replace(old, new)
    folder = tmp_path_factory.mktemp("oddities") / "template"
    folder.mkdir()
    files = {"template.toml": toml, "experiment.py": EXPERIMENT, "evaluate.py": evaluate, "prepare.py": PREPARE}
    for name, content in files.items():
        (folder / name).write_text(content)
    _paper_of(request.param, folder, trials=4)
    (place,) = (folder.parent / "studies").iterdir()
    return place


ODD_METRICS = """    more = {"odd": 1.0} if answer["height"] > 0.86 else {}
    more |= {"zenith": 0.5} if split == "holdout" else {}
    return {"""


def test_digits_in_the_author_s_words_and_choices_are_no_fault_of_the_writer(oddities: Path) -> None:
    text = (oddities / "paper" / "paper.tex").read_text(encoding="utf-8")
    assert "30 times" in text
    assert "resnet50" in text


def test_no_references_are_told_in_full(oddities: Path) -> None:
    text = (oddities / "paper" / "paper.tex").read_text(encoding="utf-8")
    with closing(read(oddities)) as study:
        assert {f["kind"] for f in study.ledger.document("findings", "0")} <= {"too-short"}
    assert "The survey found no references for this task" in text


def test_a_metric_that_is_there_only_sometimes_is_left_out_and_one_of_a_split_has_its_row(oddities: Path) -> None:
    with closing(read(oddities)) as study:
        seen = {m for run in study.ledger.runs() if run.outcome for m in run.outcome.metrics.get("dev", {})}
    assert {"odd", "height"} <= seen
    main = next(t for t in read_manuscript(oddities / "paper/manuscript.json").tables if t.key == "main")
    rows = {row[:2]: row[2:] for row in main.rows}
    assert not [split for split, metric in rows if metric == "odd"]
    assert set(rows["dev", "zenith"]) == {NONE}
    assert rows["holdout", "zenith"][0].startswith("{fact:baseline.holdout.zenith.mean}")


@pytest.mark.parametrize(
    "settings",
    [{"trials": -3}, {"workers": 0}, {"hours": float("inf")}, {"trials": 2.5}, {"seeds": True}, {"usd": "3"}],
)
def test_impossible_settings_are_refused(make_template: MakeTemplate, settings: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=next(iter(settings))):
        nightlab.experiment(make_template(), **settings)


def test_a_setting_that_is_none_is_told_with_the_one_that_was_meant(make_template: MakeTemplate) -> None:
    with pytest.raises(SettingsError, match="trails is not a known key; did you mean trials"):
        nightlab.experiment(make_template(), trails=3)


def test_a_corrupt_checkpoint_is_set_aside_and_the_ledger_tells_what_is_done(make_template: MakeTemplate) -> None:
    folder = make_template()
    result = nightlab.experiment(folder, out=folder.parent, trials=3)
    place = Path(result["study"])
    (place / "graph.db").write_bytes(b"rubbish" * 1000)
    nightlab.resume(place)
    study = read(place)
    assert len(study.ledger.trials()) == 4
    assert json.dumps(study.claim.effect) == json.dumps(result["claim"]["effect"])
    study.close()
