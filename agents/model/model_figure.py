"""A figure by the analyst's own code: a model writes it once a study, the sandbox runs it, only pixels are taken over.

The ledger keeps the code, and each draft's picture is drawn from it anew.
"""

from __future__ import annotations

import functools
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from nightlab.agents.chat.models import Chat, NoAnswer, quoted
from nightlab.agents.model import context
from nightlab.agents.model.prompts import render
from nightlab.agents.model.prose import Rules, kept
from nightlab.experiments.executors.local.launch import Limits, RunnerError
from nightlab.experiments.executors.local.sandbox import choose, confined
from nightlab.experiments.ledger.ledger import Ledger
from nightlab.experiments.loop.repair import own_part
from nightlab.experiments.records import Level
from nightlab.papers.facts.evidence import Evidence, confirmed
from nightlab.papers.figures.picture import PictureError, taken_over
from nightlab.papers.manuscript.manuscript import Figure

KIND, KEY = "figure", "analyst-figure"
CODE, PICTURE = "figures/analyst.py", "figures/analyst.png"
SENT_BACK = 1
NOTE = (
    f"Drawn by a language model's code, `{CODE}`, from the study's evidence; the audit cannot read what stands in the"
    " picture itself."
)
TOLD = (
    f"*A further view.* {{ref:{KEY}}} comes from code that the analyst's model wrote. It ran in the sandbox, and of"
    f" the study it saw the trials and the confirmed values only.\n\n{{float:{KEY}}}"
)

_LIMITS = Limits(wall_s=40, cpu_s=25, memory_mb=1024, processes=16, disk_mb=32, files=16, output_mb=8, capture=8000)
_ENVIRONMENT = {"MPLBACKEND": "Agg", "MPLCONFIGDIR": "{tmp}", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class Drawing(BaseModel):
    """Code that draws a figure."""

    code: str = Field(min_length=1, max_length=8000)
    caption: str = ""


def picture(chat: Chat, ledger: Ledger, e: Evidence, rules: Rules, folder: Path, stage: str) -> Figure | None:
    """The figure for a draft, its files written below `folder`; None where there is none."""
    accepted = (ledger.document("study", "settings") or {}).get("isolation")
    draw = functools.cache(functools.partial(drawn, e, accepted))
    body = ledger.document(KIND, KEY)
    if body is None:
        none = Drawing.model_construct(code="")
        made = chat.attempt("figure", lambda: _asked(chat, e, accepted, draw), lambda: none)
        body = ledger.once(KIND, KEY, made.model_dump(mode="json"))
    if not body["code"]:
        return None

    def placed() -> Figure:
        image = draw(body["code"])
        (folder / PICTURE).write_bytes(image)
        (folder / CODE).write_text(body["code"], encoding="utf-8")
        told = " ".join(kept(body["caption"], rules, words=40).split())
        return Figure(KEY, PICTURE, f"{told} {NOTE}".strip())

    return chat.attempt(f"{stage} figure", placed, lambda: None)


def _asked(chat: Chat, e: Evidence, accepted: Level | None, draw: Callable[[str], bytes]) -> Drawing:
    def check(answer: Drawing) -> str:
        try:
            draw(answer.code)
        except NoAnswer as error:
            return error.reason
        return ""

    _level(accepted)  # where the code could not run, nobody is asked for it
    prompt = render("figure", task=context.task(e.template), knobs=[k.name for k in e.template.knobs])
    return chat.ask(Drawing, prompt, stage="figure", check=check, corrections=SENT_BACK)


def _level(accepted: Level | None) -> Level:
    """The level to draw at: at least S2. accepted: the least that the study was told to run at."""
    try:
        return choose("S2" if accepted in ("S0", "S1") else accepted, own_code=False)
    except RunnerError as error:
        raise NoAnswer(" ".join(str(error).split())[:200]) from None


def drawn(e: Evidence, accepted: Level | None, code: str) -> bytes:
    """The picture that the code draws, in the sandbox and as bare pixels. Raises NoAnswer with the reason."""
    level = _level(accepted)
    with tempfile.TemporaryDirectory(prefix="nightlab-figure-") as name:
        folder = Path(name)
        (folder / "evidence.json").write_text(json.dumps(_data(e)), encoding="utf-8")
        (folder / "analyst.py").write_text(code, encoding="utf-8")
        argv = [sys.executable, "-P", "-s", "-B", "analyst.py"]
        try:
            ended = confined(argv, write=folder, env=_ENVIRONMENT, limits=_LIMITS, level=level)
        except RunnerError as error:
            raise NoAnswer(f"the code could not be run: {error}") from None
        if not ended.ok:
            why = f"stopped at a limit: {ended.limit}" if ended.limit else f"exit code {ended.code}"
            raise NoAnswer(f"the code failed ({why}):\n{quoted(own_part(ended.stderr, ['analyst.py'], 500), 600)}")
        file = folder / "figure.png"
        if not file.is_file() or file.is_symlink():
            raise NoAnswer("the code wrote no figure.png")
        try:
            return taken_over(file.read_bytes())
        except PictureError as error:
            raise NoAnswer(f"figure.png cannot be used: {error}") from None


def _data(e: Evidence) -> dict[str, Any]:
    """What the code finds in evidence.json."""
    trials = []
    for t in e.trials:
        trials.append(
            {
                "number": t.number,
                "strategy": t.change.strategy,
                "verdict": t.verdict.kind if t.verdict else "open",
                "score": e.mean(t.number),
                "params": dict(t.change.params),
            }
        )
    split = e.claim["split"]
    values = {who: [e.fitness(run, split) for run in confirmed(e, who)] for who in ("baseline", "best")}
    return {"metric": e.template.metric_label, "trials": trials, "confirmed": values}
