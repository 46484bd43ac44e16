"""The analyst's own figure: the sandbox runs the code, and nothing but pixels comes back."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from nightlab.agents.chat.models import Models
from nightlab.agents.model import model_figure
from nightlab.agents.model.prose import Rules
from nightlab.experiments.executors.local.sandbox import probe
from nightlab.experiments.ledger.ledger import Ledger, Settled, Trial
from nightlab.experiments.records import Change, Level
from nightlab.experiments.study.study import Settings
from nightlab.experiments.template.template import load
from nightlab.papers.facts.evidence import Evidence
from nightlab.papers.figures.picture import SIGNATURE, PictureError, taken_over
from nightlab.papers.manuscript.manuscript import Figure
from tests.agents.scripts import DRAWING
from tests.conftest import MakeTemplate

isolated = pytest.mark.skipif(probe() != "S3", reason="code of a model needs S3")
STEAL = """\
import pathlib, socket
told = []
for path in (SECRET, "/etc/shadow"):
    try:
        told.append(pathlib.Path(path).read_text())
    except OSError:
        pass
try:
    socket.create_connection(("127.0.0.1", PORT), timeout=2)
    told.append("network")
except OSError:
    pass
raise SystemExit(f"told: {told}")
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "study.db")
    yield opened
    opened.close()


@pytest.fixture
def evidence(make_template: MakeTemplate) -> Evidence:
    template = load(make_template())
    change = Change(
        strategy="east", hypothesis="", params=template.defaults, artifact="a", parent=None, proposer="search"
    )
    trials = tuple(
        Trial(number=n, change=change, verdict=Settled(kind="reverted", reason="", numbers={})) for n in range(3)
    )
    return Evidence(
        study="s",
        template=template,
        settings=Settings(),
        trials=trials,
        runs=(),
        preregistration={},
        claim={"split": "dev", "best": 0},
        ablation=(),
        sensitivity=(),
        level="S3",
        idea_strategies=(),
        edits={},
        facts={},
    )


def ask(ledger: Ledger, e: Evidence, folder: Path, *answers: Any, stage: str = "round 0") -> Figure | None:
    script = folder / "script.jsonl"
    script.write_text("".join(json.dumps({"role": "analyst", "answer": a}) + "\n" for a in answers))
    (folder / "figures").mkdir(exist_ok=True)
    chat = Models(Settings(model=f"fake:{script}"), ledger).chat("analyst")
    return model_figure.picture(chat, ledger, e, Rules(facts={}), folder, stage)


def outcomes(ledger: Ledger) -> list[str]:
    return [call.answer.outcome for call in ledger.calls.all() if call.answer]


@isolated
def test_a_figure_is_drawn_and_later_drafts_draw_it_without_the_model(
    ledger: Ledger, evidence: Evidence, tmp_path: Path
) -> None:
    crash = {"code": "import json\njson.load(open('nothing.json'))"}
    figure = ask(ledger, evidence, tmp_path, crash, f"Here:\n```python\n{DRAWING['code']}\n```")
    assert figure == Figure(model_figure.KEY, "figures/analyst.png", model_figure.NOTE)
    first = (tmp_path / "figures/analyst.png").read_bytes()
    assert first.startswith(SIGNATURE)
    assert b"Software" not in first  # matplotlib's own mark
    assert (tmp_path / "figures/analyst.py").read_text().strip() == DRAWING["code"].strip()
    assert outcomes(ledger) == ["invalid", "ok"]
    assert "nothing.json" in ledger.calls.all()[0].answer.reason  # type: ignore[union-attr]
    (tmp_path / "figures/analyst.png").unlink()
    assert ask(ledger, evidence, tmp_path, stage="round 1") == figure
    assert (tmp_path / "figures/analyst.png").read_bytes() == first
    assert len(outcomes(ledger)) == 2


@pytest.mark.skipif(probe() not in ("S2", "S3"), reason="this machine has no S2")
@pytest.mark.parametrize(("accepted", "drawn"), [(None, False), ("S3", False), ("S2", True), ("S0", True)])
def test_without_namespaces_there_is_a_figure_only_where_less_was_accepted(
    ledger: Ledger,
    evidence: Evidence,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    accepted: Level | None,
    drawn: bool,
) -> None:
    monkeypatch.setattr("nightlab.experiments.executors.local.sandbox.probe", lambda: "S2")
    ledger.once("study", "settings", {"isolation": accepted})
    assert (ask(ledger, evidence, tmp_path, DRAWING) is not None) is drawn
    assert len(outcomes(ledger)) == drawn  # where its code could not run, the model is not asked for it


@isolated
def test_half_characters_do_no_harm(ledger: Ledger, evidence: Evidence, tmp_path: Path) -> None:
    odd = {"code": f"{DRAWING['code']}# \ud800\n", "caption": "It is \ud800 odd."}
    assert ask(ledger, evidence, tmp_path, odd) is not None
    assert (tmp_path / "figures/analyst.py").read_text().endswith("# ?\n")


@isolated
def test_code_that_looks_about_gets_nothing_and_there_is_no_figure(
    ledger: Ledger, evidence: Evidence, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the holdout")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        steal = STEAL.replace("SECRET", repr(str(secret))).replace("PORT", str(port))
        garbage = "open('figure.png', 'wb').write(b'\\x89PNG\\r\\n\\x1a\\n' + b'x' * 500)"
        assert ask(ledger, evidence, tmp_path, {"code": steal}, {"code": garbage}, DRAWING) is None
    reasons = [call.answer.reason for call in ledger.calls.all() if call.answer]
    assert "told: []" in reasons[0]
    assert "no PNG" in reasons[1]
    assert len(reasons) == 2
    (fallback,) = ledger.documents("fallback").values()
    assert (fallback["role"], fallback["stage"]) == ("analyst", "figure")
    assert not (tmp_path / "figures/analyst.png").exists()
    assert ask(ledger, evidence, tmp_path, DRAWING, stage="round 1") is None


def png(size: tuple[int, int], colour: tuple[int, ...] | None = None) -> bytes:
    made = io.BytesIO()
    image = Image.new("RGBA", size, colour) if colour else Image.linear_gradient("L").resize(size)
    image.save(made, format="PNG")
    return made.getvalue()


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (b"%PDF-1.7", "no PNG"),
        (png((300, 20)), "pixels"),
        (png((4000, 300)), "pixels"),
        (png((300, 300), (0, 0, 0, 0)), "empty"),
        (png((300, 300))[:400], "broken"),
        (png((300, 300))[:33] + b"\0\0\0\x08iCCPjunkjunk\0\0\0\0", "broken"),
    ],
)
def test_a_picture_that_cannot_be_printed(source: bytes, why: str) -> None:
    with pytest.raises(PictureError, match=why):
        taken_over(source)


def test_only_pixels_are_taken_over() -> None:
    words = PngInfo()
    words.add_text("Comment", "read me")
    source = io.BytesIO()
    Image.linear_gradient("L").resize((300, 200)).save(source, format="PNG", pnginfo=words)
    made = taken_over(source.getvalue())
    assert b"read me" in source.getvalue()
    assert b"read me" not in made
    with Image.open(io.BytesIO(made)) as image:
        assert (image.mode, image.size, round(image.info["dpi"][0])) == ("RGB", (300, 200), 150)
