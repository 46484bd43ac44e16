"""The command line: its output and its exit codes, in this process, and where a process is what counts in one."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import nightlab as library
from nightlab.agents.chat.settings import model_settings
from nightlab.experiments.study.study import read
from nightlab.telling.progress import Lines, Screen
from tests.command_line import nightlab
from tests.conftest import EVALUATE, EXPERIMENT, TOML, MakeTemplate

COMMANDS = (
    "run",
    "experiment",
    "resume",
    "fork",
    "scores",
    "trials",
    "verify",
    "export",
    "follow",
    "templates",
    "doctor",
)


def process(*args: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nightlab.cli", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=cwd, check=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_with_an_example(command: str, tmp_path: Path) -> None:
    done = nightlab(command, "--help", cwd=tmp_path)
    assert done.returncode == 0
    if command not in ("templates", "doctor"):
        assert "Example: nightlab " in done.stdout


@pytest.mark.parametrize(("command", "whose"), [("run", "the template's"), ("fork", "the study's")])
def test_help_tells_where_a_default_comes_from(command: str, whose: str, tmp_path: Path) -> None:
    told = re.sub(r"[│\s]+", " ", nightlab(command, "--help", cwd=tmp_path).stdout)
    assert told.count(f"[default: ({whose})]") >= len(("--trials", "--seeds", "--hours"))


ODD_BIB = r"""
@article{who, author = {{World Health Organization} and Garc{\'i}a M{\'a}rquez, Gabriel}, date = {2019-04-02},
  title = {On $k$-means for US\$ and \emph{costs}}, journaltitle = {J}, eprint = {1706.03762 [cs.CL]},
  eprinttype = {arxiv}}
@misc{noid, author = {Nguy{\~{\^e}}n, An}, title = {Без номера}, year = {2001}}
"""


def test_other_scripts_and_an_odd_bibliography_come_to_a_paper_that_tells_what_it_spelt(
    make_template: MakeTemplate, tmp_path: Path
) -> None:
    title = {'title = "A valley with noise"': 'title = "Долина of cost & gain"'}
    folder = make_template(title, files={"references.bib": ODD_BIB})
    done = nightlab("run", folder, "--trials", 2, "--rounds", 0, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = " ".join(done.stdout.split())
    assert "prints Долина as Dolina (title)" in told
    assert "(noid) has neither a DOI nor an arXiv id, so the paper calls it unverified" in told
    (paper,) = tmp_path.glob("studies/*/paper/paper.tex")
    text = paper.read_text(encoding="utf-8")
    assert "Dolina of cost" in text
    assert "World Health Organization" in text
    assert "W. H. Organization" not in text


def test_help_names_commands_and_exit_codes(tmp_path: Path) -> None:
    done = process("--help", cwd=tmp_path)
    assert all(command in done.stdout for command in COMMANDS)
    assert "130" in done.stdout


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    heavy = "('langgraph', 'numpy', 'optuna', 'sqlalchemy')"
    code = f"import sys; import nightlab.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout.strip() == "[]"


def test_an_experiment_ends_with_a_table_a_claim_and_a_curve(make_template: MakeTemplate, tmp_path: Path) -> None:
    done = nightlab("experiment", make_template(), "--trials", 6, "--workers", 1, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Kept changes, and the one in the confirmation" in done.stdout
    assert re.search(r"claim \(trial \d+ over the baseline, holdout, 6 fresh seeds\)", done.stdout)
    assert "trial 6/6" in done.stdout
    curve = re.search(r"curve\s+(\S+)", done.stdout)
    assert curve
    assert (tmp_path / curve[1]).read_bytes().startswith(b"%PDF-")


def test_json_is_the_last_line_and_scores_agree(make_template: MakeTemplate, tmp_path: Path) -> None:
    done = process("run", make_template(), "--trials", 3, "--rounds", 0, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    body = json.loads(done.stdout.splitlines()[-1])
    assert set(body) == {"study", "template", "experiment", "paper", "reviews", "decision", "usage", "ledger"}
    assert set(body["ledger"]) == {"links", "head", "evidence", "figures"}
    assert len(body["ledger"]["head"]) == 64
    assert set(body["paper"]) == {"pdf", "tex", "pages", "facts", "citations", "findings"}
    assert set(body["experiment"]["claim"]) >= {"effect", "ci95", "p_value", "significant", "split", "n", "population"}
    assert (tmp_path / body["paper"]["pdf"]).is_file()
    assert "trial 3/3" in done.stderr
    scores = nightlab("scores", body["study"], "--json", cwd=tmp_path)
    assert json.loads(scores.stdout)["rounds"] == body["reviews"]
    shown = nightlab("scores", body["study"], cwd=tmp_path)
    assert shown.returncode == 0
    assert "Reviewer scores" in shown.stdout


def test_trials_are_listed_and_one_is_shown_whole(make_template: MakeTemplate, tmp_path: Path) -> None:
    said = "seed):\n    print(f'seed {seed}')"
    template = make_template(files={"experiment.py": EXPERIMENT.replace("seed):", said, 1)})
    study = json.loads(nightlab("experiment", template, "--trials", 8, "--json", cwd=tmp_path).stdout)["study"]
    told = json.loads(nightlab("trials", study, "--json", cwd=tmp_path).stdout)["trials"]
    assert [row["trial"] for row in told] == list(range(9))
    assert told[0]["parent"] is None
    assert told[0]["verdict"] == "baseline"
    assert sum(row["confirmed"] == [0] for row in told) == 1
    assert library.trials(tmp_path / study) == told
    lines = nightlab("trials", study, cwd=tmp_path).stdout.splitlines()
    assert lines[0].split()[:3] == ["trial", "from", "verdict"]
    assert lines[10] == "* went to the confirmation"
    assert all(line.startswith("penalty: ") for line in lines[11:])
    for row, line in zip(told, lines[1:10], strict=True):
        assert line.split()[: 2 if row["confirmed"] else 1][-1] == str(row["trial"])
        assert ("*" in line) == bool(row["confirmed"])
        assert f"{row['fitness']['fitness']:.5g} ({row['fitness']['runs']})" in line
        assert all(name in line for name in row["changed"])

    one = json.loads(nightlab("trials", study, "--trial", 3, "--json", cwd=tmp_path).stdout)["trial"]
    assert {name: one[name] for name in told[3]} == told[3]
    with closing(read(tmp_path / study)) as opened:
        change = opened.ledger.trial(3).change
        searched = opened.ledger.runs("search", "3")
    assert one["params"] == dict(change.params)
    assert [run["run"] for run in one["searched"]] == [r.id for r in searched]
    text = nightlab("trials", study, "--trial", 3, cwd=tmp_path).stdout
    assert change.hypothesis in text
    assert one["reason"] in text
    assert f"run {searched[0].id} printed: seed {searched[0].seed}\n" in text
    assert one["searched"][0]["output"] == f"seed {searched[0].seed}"

    done = nightlab("trials", study, "--trial", 99, cwd=tmp_path)
    assert done.returncode == 2
    assert "has no trial 99; its trials are 0 to 8" in done.stderr


def test_optuna_searches_when_it_is_asked_to(make_template: MakeTemplate, tmp_path: Path) -> None:
    done = nightlab("experiment", make_template(), "--trials", 4, "--policy", "tpe", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    place = tmp_path / json.loads(done.stdout.splitlines()[-1])["study"]
    with closing(sqlite3.connect(place / "study.db")) as db:
        rows = db.execute("SELECT DISTINCT proposer FROM trials WHERE number > 0").fetchall()
    assert rows == [("TPE",)]


def test_a_fork_takes_what_is_given_and_the_rest_from_its_study(make_template: MakeTemplate, tmp_path: Path) -> None:
    first = ("--trials", 2, "--seed", 3, "--seeds", 2, "--workers", 1, "--policy", "tree", "--json")
    done = nightlab("experiment", make_template(), *first, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    parent = json.loads(done.stdout.splitlines()[-1])["study"]
    script = tmp_path / "nobody.jsonl"
    script.write_text('{"answer": "no", "repeat": true}\n')
    more = ("--seed", 4, "--workers", 2, "--policy", "tpe", "--isolation", "S0", "--model", "fake:nobody.jsonl")
    done = nightlab("fork", parent, "--trial", 0, *more, "--record", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    study = read(tmp_path / json.loads(done.stdout.splitlines()[-1])["study"])
    settings, models = study.settings, model_settings(study.ledger)
    study.close()
    assert (settings.trials, settings.seeds, settings.rule) == (2, 2, "paired")
    assert (settings.seed, settings.workers, settings.policy, settings.isolation) == (4, 2, "tpe", "S0")
    assert (models.model, models.record) == (f"fake:{script}", True)
    refused = nightlab("fork", parent, "--trial", 0, "--policy", "astrology", cwd=tmp_path)
    assert refused.returncode == 2
    assert "no search policy is called 'astrology'" in refused.stderr


def test_templates_lists_what_ships(tmp_path: Path) -> None:
    done = nightlab("templates", "--json", cwd=tmp_path)
    rows = json.loads(done.stdout)["templates"]
    assert {"name", "title", "metric", "direction", "path"} <= set(rows[0])
    assert "digits" in {r["name"] for r in rows}
    assert "digits" in nightlab("templates", cwd=tmp_path).stdout


def test_doctor_tells_isolation_and_latex(tmp_path: Path) -> None:
    done = nightlab("doctor", "--json", cwd=tmp_path)
    checks = {c["name"]: c for c in json.loads(done.stdout)["checks"]}
    assert checks["LaTeX"]["ok"]
    assert re.match(r"S[0-3]: ", checks["Isolation"]["found"])
    assert not checks["arXiv"]["ok"]
    assert checks["arXiv"]["advice"]
    assert nightlab("doctor", cwd=tmp_path).returncode == done.returncode == 0


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("run", "dogits"), "no template 'dogits'"),
        (("run", "digits", "--trials", "-5"), "--trials"),
        (("run", "digits", "--hours", "-1"), "--hours"),
        (("experiment", "digits", "--isolation", "S9"), "S9"),
        (("experiment", "digits", "--executor", "cloud"), "'cloud' is no executor; there are "),
        (("experiment", "digits", "--policy", "astrology"), "no search policy is called 'astrology'; there are greedy"),
        (("resume", "."), "is no study"),
        (("scores", "nowhere"), "is no study"),
        (("verify", "nowhere"), "neither a study nor a bundle"),
        (("check", "dogits"), "no template 'dogits'"),
        (("experiment", "digits", "--out", "/proc/x"), "choose another with --out"),
        (("fly",), "fly"),
    ],
)
def test_wrong_use_ends_with_two_and_a_message(args: tuple[str, ...], told: str, tmp_path: Path) -> None:
    done = (process if "dogits" in args or "fly" in args else nightlab)(*args, cwd=tmp_path)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert not (tmp_path / "studies").exists()


def test_a_broken_template_names_file_and_key(make_template: MakeTemplate, tmp_path: Path) -> None:
    folder = make_template({"low = 0.0\nhigh = 1.0\ndefault = 0.1": "low = 5.0\nhigh = 1.0\ndefault = 2.0"})
    done = nightlab("run", folder, cwd=tmp_path)
    assert done.returncode == 2
    assert f"{folder}/template.toml: [search.space.x]: low = 5 must be smaller than high = 1" in done.stderr


def test_a_baseline_that_crashes_is_told_without_a_traceback_of_ours(
    make_template: MakeTemplate, tmp_path: Path
) -> None:
    folder = make_template(files={"experiment.py": "def run(params, inputs, out, seed):\n    raise KeyError('lost')\n"})
    for command in (("experiment", folder), ("experiment", folder, "--dry-run")):
        done = nightlab(*command, cwd=tmp_path)
        assert done.returncode == 2
        assert "does not run (crash)" in done.stderr
        assert "KeyError: 'lost'" in done.stderr
        assert "langgraph" not in done.stderr
    (place,) = (tmp_path / "studies").iterdir()
    again = nightlab("resume", place, cwd=tmp_path)
    assert again.returncode == 2
    assert "does not run (crash)" in again.stderr
    study = read(place)
    (baseline,) = study.ledger.trials()
    assert baseline.verdict
    assert (baseline.verdict.kind, baseline.verdict.cause) == ("failed", "crash")
    assert all(run.outcome for run in study.ledger.runs())
    assert study.ledger.document("claim", "claim") is None
    study.close()


def test_a_baseline_that_fails_on_the_holdout_is_a_broken_template_and_leaves_no_claim(
    make_template: MakeTemplate, tmp_path: Path
) -> None:
    blind = EVALUATE.replace("    answer =", "    if split == 'holdout':\n        raise KeyError(split)\n    answer =")
    done = nightlab("experiment", make_template(files={"evaluate.py": blind}), "--trials", 1, cwd=tmp_path)
    assert done.returncode == 2
    assert "the baseline of template 'toy' does not run (invalid)" in done.stderr
    assert "KeyError: 'holdout'" in done.stderr
    (place,) = (tmp_path / "studies").iterdir()
    study = read(place)
    assert study.ledger.document("claim", "claim") is None
    study.close()


def slow(make_template: MakeTemplate) -> Path:
    return make_template(
        files={"experiment.py": EXPERIMENT.replace("    noise", "    import time; time.sleep(0.2)\n    noise")}
    )


def test_ctrl_c_drains_and_the_study_can_be_resumed(make_template: MakeTemplate, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nightlab.cli", "experiment", str(slow(make_template)), "--trials", "4"]
    command += ["--seeds", "1", "--confirm-seeds", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    assert process.stdout
    for line in process.stdout:
        if "trial 1/4" in line:
            break
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    folder = re.search(r"nightlab resume (\S+)`", stderr)
    assert folder, stderr
    done = nightlab("resume", folder[1], "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["trials"] == 4


def test_a_second_ctrl_c_stops_at_once(make_template: MakeTemplate, tmp_path: Path) -> None:
    hang = EXPERIMENT.replace(
        "    noise", "    import time; time.sleep(0 if params['x'] == 0.1 and params['y'] == 0.9 else 50)\n    noise"
    )
    folder = make_template({"timeout_s = 5": "timeout_s = 60"}, files={"experiment.py": hang})
    command = [sys.executable, "-m", "nightlab.cli", "experiment", str(folder), "--trials", "6"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    assert process.stdout
    for line in process.stdout:
        if "trial 0/6" in line:
            break
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    _, stderr = process.communicate(timeout=60)
    assert time.monotonic() - started < 20
    assert process.returncode == 130
    assert "Traceback" not in stderr


@pytest.mark.parametrize(("quiet_s", "counts"), [(0.0, ["1 of 24 runs", "2 of 24 runs"]), (10.0, [])])
def test_a_log_hears_how_far_a_stage_is_when_it_was_quiet(quiet_s: float, counts: list[str]) -> None:
    heard = io.StringIO()
    view = Lines(Console(file=heard), quiet_s)
    for event in ({"stage": "select"}, {"done": 1, "of": 24}, {"done": 2, "of": 24}):
        view.hear({"at": time.time(), **event})
    lines = [line.split("] ")[1] for line in heard.getvalue().splitlines()]
    assert lines == ["running the most promising trials again", *counts]


SETTLED = {"trial": 121, "of": 400, "strategy": "learning_rate_schedule", "cause": "", "value": 0.57944, "runs": 2}
SETTLED |= {"incumbent": 107, "incumbent_value": 0.166761, "threshold": 0.0181, "at": 0.0}


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ({"verdict": "kept", "difference": 0.02823}, "kept, 0.0282 better (needs 0.0181) | best 0.16676 (trial 107)"),
        ({"verdict": "reverted", "difference": 0.00851}, "reverted, 0.00851 better (needs 0.0181) | best 0.16676"),
        ({"verdict": "reverted", "difference": -0.424}, "reverted, 0.424 worse | best 0.16676 (trial 107)"),
        (
            {"verdict": "reverted", "difference": None, "cause": "constraint"},
            ": reverted (constraint): ValueError: a l…",
        ),
        (
            {"verdict": "failed", "difference": None, "cause": "crash", "value": None},
            ": failed (crash): ValueError: a long re",
        ),
    ],
)
def test_a_verdict_is_told_with_its_reason_within_a_hundred_columns(event: dict[str, Any], told: str) -> None:
    heard = io.StringIO()
    Lines(Console(file=heard), started=0.0).hear(
        {**SETTLED, "reason": "ValueError: " + "a long\nreason " * 20, **event}
    )
    (line,) = heard.getvalue().splitlines()
    assert told in line
    assert "| best 0.16676 (trial 107)" in line
    assert "trial 121/400 learnin" in line
    assert len(line) <= 100


def test_the_bar_counts_verdicts_where_trials_settle_out_of_their_order() -> None:
    screen, told = Screen(Console(file=io.StringIO()), "a study"), io.StringIO()
    shared = {"of": 3, "strategy": "east", "cause": "", "reason": "", "value": 0.5, "runs": 1, "difference": None}
    shared["at"] = 0.0
    for settled, number in enumerate((0, 1, 3, 2)):
        verdict = "reverted" if number else "baseline"
        event = {"trial": number, "settled": settled, "verdict": verdict, "incumbent": 0, "incumbent_value": 0.5}
        screen.hear({**shared, **event})
    Console(file=told, width=100).print(screen)
    assert "3/3  3 reverted" in told.getvalue()


def test_a_terminal_gets_the_live_view(make_template: MakeTemplate, tmp_path: Path) -> None:
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "nightlab.cli", "experiment", str(slow(make_template)), "--trials", "3"]
    command += ["--seeds", "1"]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    process = subprocess.Popen(command, stdout=slave, stderr=slave, cwd=tmp_path, env=environment)
    os.close(slave)
    shown = b""
    while process.poll() is None or select.select([master], [], [], 0)[0]:
        if select.select([master], [], [], 0.2)[0]:
            try:
                shown += os.read(master, 65536)
            except OSError:
                break
    os.close(master)
    text = shown.decode(errors="replace")
    assert process.wait() == 0
    for word in ("stage", "trials", "incumbent", "3/3", "of 12 runs"):
        assert word in text


@pytest.mark.parametrize("command", [("run",), ("experiment", "--json"), ("run", "--dry-run")])
def test_nothing_that_could_be_changed_is_a_wrong_use(
    make_template: MakeTemplate, tmp_path: Path, command: tuple[str, ...]
) -> None:
    toml = TOML.split("[search.space.x]")[0] + "[budget]" + TOML.split("[budget]")[1]
    folder = make_template(files={"template.toml": toml})
    done = nightlab(*command, folder, "--out", tmp_path / "studies", cwd=tmp_path)
    assert done.returncode == 2
    assert "declares no knobs" in done.stderr
    assert "--model" in done.stderr
    assert not (tmp_path / "studies").exists()


def test_the_cost_of_a_small_study_is_in_proportion_and_can_be_set(make_template: MakeTemplate, tmp_path: Path) -> None:
    folder = make_template()
    args = (
        "experiment",
        folder,
        "--trials",
        3,
        "--seeds",
        1,
        "--confirm-seeds",
        2,
        "--out",
        tmp_path / "studies",
        "--json",
    )
    told = json.loads(nightlab(*args, cwd=tmp_path).stdout.splitlines()[-1])
    with closing(read(Path(told["study"]))) as study:
        runs = study.ledger.runs()
        searched = sum(t.verdict.runs or 0 for t in study.ledger.trials() if t.verdict)
    assert searched == 8 + 3  # one seed a verdict, weighed by the noise of the baseline's runs
    assert sum(run.phase == "search" for run in runs) <= 2.5 * searched
    assert sum(run.phase == "confirm" for run in runs) in (2, 4)
    for wrong in (1, 1001):
        done = nightlab("experiment", folder, "--confirm-seeds", wrong, cwd=tmp_path)
        assert done.returncode == 2
