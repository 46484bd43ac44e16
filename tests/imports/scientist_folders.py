"""Templates of AI-Scientist, with what was seen over its examples."""

from __future__ import annotations

import json

from tests.imports.case import Case

EXPERIMENT = """\
import argparse, json, os, pickle, random
from model import shape
parser = argparse.ArgumentParser()
parser.add_argument("--out_dir", type=str, default="run_0")
parser.add_argument("--learning_rate", type=float, default=0.1)
parser.add_argument("--width", type=int, default=8)
parser.add_argument("--fast", action="store_true")
parser.add_argument("--seed", type=int, default=1337)
args = parser.parse_args()
os.makedirs("./" + args.out_dir, exist_ok=True)
rows = [float(line) for line in open("values.tsv")]
noise = random.Random(args.seed).gauss(0, 0.01)
loss = (args.learning_rate - rows[0]) ** 2 + shape(args.width) + 0.1 * args.fast + noise
result = {"ones": {"means": {"val_loss_mean": loss, "words": "some", "deep": {"er": {"loss": 2 * loss}}},
                   "stderrs": {"val_loss_stderr": 0.0}, "final_info_dict": {"val_loss": [loss]}}}
json.dump(result, open(os.path.join(args.out_dir, "final_info.json"), "w"))
pickle.dump({"all": [loss]}, open(os.path.join(args.out_dir, "all_results.pkl"), "wb"))
"""
MODEL = "def shape(width):\n    return abs(width - 12) / 100\n"
BARE = """\
import argparse, json, os, random
parser = argparse.ArgumentParser()
parser.add_argument("--out_dir", default="run_0")
args = parser.parse_args()
RATE = 0.1
os.makedirs(args.out_dir, exist_ok=True)
with open(f"{args.out_dir}/final_info.json", "w") as file:
    json.dump({"one": {"means": (RATE - 0.3) ** 2 + random.gauss(0, 0.01)}, "two": {"means": 1.0}}, file)
"""
EPIDEMIC = """\
import argparse, json, os
parser = argparse.ArgumentParser()
parser.add_argument("--out_dir", default="run_0")
parser.add_argument("--beta", type=float, default=0.3)
args = parser.parse_args()
os.makedirs(args.out_dir, exist_ok=True)
json.dump({"SEIR": {"means": {"peak": 100 * args.beta, "day": 30}}}, open(f"{args.out_dir}/final_info.json", "w"))
"""
PLOT = """\
import json, os
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
runs = sorted(f for f in os.listdir("./") if f.startswith("run_") and os.path.isdir(f))
losses = [json.load(open(f"{run}/final_info.json"))["ones"]["means"]["val_loss_mean"] for run in runs]
plt.bar(runs, losses)
plt.savefig("losses.png")
"""
PROMPT = json.dumps({"system": "You are ambitious.", "task_description": "You are given a loss; make it small."})
IDEAS = [
    {"Name": "warm_up", "Title": "Warm Up: Slower First Steps", "Experiment": "Let the rate grow.", "Novelty": 5},
    {"Name": "warm_up", "Title": "The same again", "Experiment": "Nothing.", "novel": True},
    {"Title": "Without a name"},
]
TEX = r"""
\documentclass{article}
\usepackage{iclr2024_conference}
\begin{filecontents}{references.bib}
@article{lu2024ai, title={The {AI} Scientist}, author={Lu, Chris}, journal={arXiv preprint arXiv:2408.06292}}
@book{goodfellow2016deep, title={Deep Learning}, author={Goodfellow, Ian}, publisher={MIT Press}, year={2016}}
@book{goodfellow2016deep, title={Deep Learning}, author={Goodfellow, Ian}, publisher={MIT Press}, year={2016}}
@article{broken, title={No end
\end{filecontents}
\begin{document}
\end{document}
"""
FILES = {
    "experiment.py": EXPERIMENT,
    "model.py": MODEL,
    "values.tsv": "0.3\n",
    "plot.py": PLOT,
    "prompt.json": PROMPT,
    "seed_ideas.json": json.dumps(IDEAS),
    "latex/template.tex": TEX,
    "latex/iclr2024_conference.sty": "% a style\n",
    "run_0/final_info.json": "{}",
}
LOSS = "ones.means.val_loss_mean"


def _case(options: tuple[str, ...] = (), **more):  # type: ignore[no-untyped-def]
    files = {**FILES, **more.pop("files", {})}
    return Case(kind="ai-scientist", files=files, options=options, trust="reported", metric=LOSS, **more)


BOTH = ("--metric", LOSS, "--direction", "minimize")
SCIENTIST = {
    "styled": _case(BOTH, told="papers are set in the style iclr2024_conference of latex/"),
    "a style that is not here": _case(
        BOTH,
        files={"latex/iclr2024_conference.sty": "\\RequirePackage{nowhere}"},
        told="but not with the LaTeX that is here",
    ),
    "two styles": _case(
        BOTH,
        files={"latex/template.tex": "% none", "latex/other.sty": ""},
        told="papers are set in nightlab's own style: latex: there are",
    ),
    "plain": _case(BOTH, told="1 references have no DOI or arXiv id: goodfellow2016deep", fast=True),
    "short": _case(("--metric", "val_loss_mean", "--direction", "minimize"), told="idea 3 of seed_ideas.json"),
    "no metric": _case(refused="--metric ones.means.val_loss_mean"),
    "no direction": _case(("--metric", LOSS), refused="--direction minimize"),
    "deep": _case(("--metric", "ones.means.deep.er.loss", "--direction", "minimize")),
    "broken bibliography": _case(BOTH, told="cannot be read are left out: broken"),
    "bare means": Case(
        kind="ai-scientist",
        files={"experiment.py": BARE, "plot.py": ""},
        options=("--metric", "one.means", "--direction", "minimize"),
        trust="reported",
        metric="one.means",
        told="without a model a study varies experiment.py:RATE",
    ),
    "two means": Case(
        kind="ai-scientist",
        files={"experiment.py": BARE},
        options=("--metric", "means", "--direction", "minimize"),
        refused="said of several",
    ),
    "no better": Case(
        kind="ai-scientist", files={"experiment.py": EPIDEMIC}, refused="some tasks have no better at all"
    ),
    "no CUDA": Case(
        kind="ai-scientist",
        files={"experiment.py": "raise RuntimeError('Found no NVIDIA driver on your system')\n"},
        refused="Found no NVIDIA driver",
    ),
}
SCIENTIST["deep"] = Case(**{**vars(SCIENTIST["deep"]), "metric": "ones.means.deep.er.loss"})
