"""Foreign folders in the manners that people have, and what adopting each needs or must be told."""

from __future__ import annotations

import os
import venv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Door:
    """files: by their paths. options: of nightlab adopt. knobs: that the template must have. refused: words of the
    message where it is to be refused. told: words among the notes. more: what else is done to the folder."""

    files: Mapping[str, str]
    options: tuple[str, ...] = ()
    knobs: tuple[str, ...] = ()
    refused: str = ""
    told: str = ""
    fast: bool = False
    more: Callable[[Path], None] = field(default=lambda folder: None)


ARGPARSE = """\
import argparse, random
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--layers", type=int, default=2)
parser.add_argument("--opt", choices=["adam", "sgd"], default="sgd")
parser.add_argument("--fast", action="store_true")
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
noise = random.Random(args.seed).gauss(0, 0.01)
loss = (args.lr - 0.3) ** 2 + 0.01 * args.layers + 0.05 * (args.opt == "sgd") + 0.02 * args.fast
for epoch in range(4):
    print(f"epoch {epoch} val_loss={loss / (1 - 0.5 ** (epoch + 1)) + noise:.6f} acc=0.{epoch}")
"""
MINIMISE = ("--metric", "val_loss", "--direction", "minimize")
CONFIGURED = """\
import random, sys, yaml
conf = yaml.safe_load(open("conf/train.yaml"))
noise = random.Random(int(sys.argv[1])).gauss(0, 0.01)
print("Validation error:", (conf["optimizer"]["lr"] - 0.3) ** 2 + noise)
"""
HYDRA = """\
import pathlib, random, sys
given = dict(word.split("=") for word in sys.argv[1:])
assert pathlib.Path("conf/optimizer/sgd.yaml").is_file()
noise = random.Random(given["seed"]).gauss(0, 0.01)
print(f"[2026-01-01 10:00:00,000][__main__][INFO] - test_loss: {(float(given['optimizer.lr']) - 0.3) ** 2 + noise}")
"""
TENSORBOARD = """\
import os, random, struct, sys, time
def field(number, value):  # of a message, as protocol buffers write it
    if isinstance(value, float):
        return bytes([number << 3 | 5]) + struct.pack("<f", value)
    return bytes([number << 3 | 2, len(value)]) + value if isinstance(value, bytes) else bytes([number << 3, value])
folder = f"runs/{time.strftime('%b%d_%H-%M-%S')}_{os.uname().nodename}"
os.makedirs(folder)
with open(f"{folder}/events.out.tfevents.{time.time_ns()}.{os.uname().nodename}.{os.getpid()}.0", "wb") as file:
    for step in range(1, 6):
        loss = (float(sys.argv[1]) - 0.3) ** 2 + 1 / step + random.Random(sys.argv[2]).gauss(0, 0.01)
        event = field(2, step) + field(5, field(1, field(1, b"val/loss") + field(2, loss)))
        file.write(struct.pack("<QI", len(event), 0) + event + bytes(4))
"""
CLICK = """\
import random
def option(*words, **how): return lambda f: f
@option("--lr", "-l", default=0.1, help="step")
@option("--seed", default=1)
def main(lr, seed): pass
import sys
lr, seed = float(sys.argv[2]), int(sys.argv[4])
print("{'loss': %r}" % ((lr - 0.3) ** 2 + random.Random(seed).gauss(0, 0.01)))
"""
TYPED = """\
import random, sys
from dataclasses import dataclass
@dataclass
class Config:
    lr: float = 0.1
    width: int = 16
given = dict(word.lstrip("-").split("=") for word in sys.argv[1:])
noise = random.Random(given["seed"]).gauss(0, 0.01)
print("score:", 1 - (float(given["optim.lr"]) - 0.3) ** 2 - abs(int(given["width"]) - 20) / 100 + noise)
"""
CSV = """\
import csv, os, random, sys
rate, seed = float(sys.argv[1]), int(sys.argv[2])
os.makedirs("results", exist_ok=True)
with open("results/log.csv", "w", newline="") as file:
    rows = csv.writer(file)
    rows.writerow(["epoch", "val loss"])
    for epoch in range(5):
        rows.writerow([epoch, (rate - 0.3) ** 2 + 1 / (epoch + 1) + random.Random(seed).gauss(0, 0.01)])
"""
JSONS = """\
import json, random, sys
rate, seed = float(sys.argv[1]), int(sys.argv[2])
value = (rate - 0.3) ** 2 + random.Random(seed).gauss(0, 0.01)
json.dump({"SEIR": {"means": {"peak": value, "day": 3}}, "n": 5}, open("out.json", "w"))
"""
COLOURS = """\
import random, sys
rate, seed = float(sys.argv[1]), int(sys.argv[2])
for step in range(50):
    print(f"\\r\\x1b[32m{step * 2}%|###   |\\x1b[0m {step}/50", end="", flush=True)
print(f"\\n\\x1b[1mtest loss\\x1b[0m: \\x1b[33m{(rate - 0.3) ** 2 + random.Random(seed).gauss(0, 0.01):.5f}\\x1b[0m")
"""
SHELL = """\
#!/bin/sh
# waiting for a gauge
awk -v rate="$1" -v seed="$2" 'BEGIN { srand(seed); print "cost: " (rate - 0.3) ^ 2 + rand() / 100 }'
"""
CONSTANT = """\
import os, random
RATE = 0.1
STEPS = 20
noise = random.Random(os.environ["NIGHTLAB_SEED"]).gauss(0, 0.01)
print("loss:", (RATE - 0.3) ** 2 + 1 / STEPS + noise)
"""
PLAIN = (
    'import random, sys\nprint("loss:", (float(sys.argv[1]) - 0.3) ** 2 + random.Random(sys.argv[2]).gauss(0, 0.01))\n'
)
RATED = ("--command", "python train.py {rate} {seed}", "--knob", "rate=0.1:0.01..1", "--direction", "minimize")
LOSS = (*RATED, "--metric", "loss")
DEPLOY = "deploy:\n\ttouch {marker}\n\ntrain:\n\tpython train.py 0.1 1\n"


def _sparse(folder: Path) -> None:
    (folder / "data").mkdir()
    with (folder / "data" / "big.bin").open("wb") as file:
        file.truncate(8 << 30)


def _many(folder: Path) -> None:
    (folder / "images").mkdir()
    for number in range(300):
        (folder / "images" / f"{number}.txt").write_text("x")


def _venv(folder: Path) -> None:
    venv.create(folder / ".venv", symlinks=True)


def _executable(folder: Path) -> None:
    (folder / "go").chmod(0o755)


def _odd(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "gone").symlink_to("nowhere")
    (folder / "up").symlink_to("..")


DOORS = {
    "argparse": Door(
        files={"train.py": ARGPARSE},
        options=(
            *("--command", "python train.py --lr {lr} --layers={layers} --opt {opt} {fast} --seed {seed}"),
            *MINIMISE,
        ),
        knobs=("lr", "layers", "opt", "fast"),
        told="train.py",
        fast=True,
    ),
    "click": Door(
        files={"train.py": CLICK},
        options=("--command", "python train.py --lr {lr} --seed {seed}", "--metric", "loss", "--direction", "minimize"),
        knobs=("lr",),
    ),
    "hydra": Door(
        files={
            "train.py": HYDRA,
            "conf/config.yaml": "defaults:\n  - optimizer: sgd\nseed: 1\n",
            "conf/optimizer/sgd.yaml": "lr: 1e-1\nmomentum: 0.9\n",
        },
        options=(
            *("--command", "python train.py optimizer.lr={lr} seed={seed}"),
            *("--metric", "test_loss", "--direction", "minimize"),
        ),
        knobs=("lr",),
    ),
    "a venv of its own": Door(
        files={"train.py": "import sys\nassert sys.prefix.endswith('.venv')\n" + PLAIN},
        options=LOSS,
        knobs=("rate",),
        told=".venv",
        more=_venv,
    ),
    "an interpreter by its path": Door(
        files={"train.py": "import sys\nassert sys.prefix.endswith('.venv')\n" + PLAIN},
        options=(*LOSS, "--python", ".venv/bin/python"),
        knobs=("rate",),
        more=_venv,
    ),
    "a program": Door(
        files={"go": SHELL},
        options=(
            *("--command", "./go {rate} {seed}", "--knob", "rate=0.1:0.01..1"),
            *("--metric", "cost", "--direction", "minimize"),
        ),
        knobs=("rate",),
        more=_executable,
    ),
    "a variable": Door(
        files={
            "train.py": PLAIN.replace("sys.argv[1]", "__import__('os').environ['RATE']").replace("argv[2]", "argv[1]")
        },
        options=(
            *("--command", "python train.py {seed}", "--knob", "rate@$RATE=0.1:0.01..1"),
            *("--metric", "loss", "--direction", "minimize"),
        ),
        knobs=("rate",),
    ),
    "logs to standard error": Door(
        files={
            "train.py": "import logging\nlogging.basicConfig(level='INFO', format='%(asctime)s %(message)s')\n"
            + PLAIN.replace("print('loss:', ", "").replace('print("loss:", ', "logging.info('final loss %.5f', ")
        },
        options=(*RATED, "--metric", "final loss"),
        knobs=("rate",),
        told="on standard error",
    ),
    "settings class": Door(
        files={"main.py": TYPED},
        options=(
            *("--command", "python main.py --optim.lr={lr} --width={width} --seed={seed}"),
            *("--metric", "score", "--direction", "maximize"),
        ),
        knobs=("lr", "width"),
    ),
    "yaml": Door(
        files={"run.py": CONFIGURED, "conf/train.yaml": "optimizer:\n  name: sgd  # kept\n  lr: 0.1\n"},
        options=(
            *("--command", "python run.py {seed}", "--knob", "lr@conf/train.yaml:optimizer.lr"),
            *("--metric", "Validation error", "--direction", "minimize"),
        ),
        knobs=("lr",),
    ),
    "src layout": Door(
        files={
            "src/pkg/__init__.py": "",
            "src/pkg/model.py": "def loss(rate): return (rate - 0.3) ** 2\n",
            "src/pkg/train.py": "import random, sys\nfrom pkg.model import loss\n"
            "print('loss:', loss(float(sys.argv[1])) + random.Random(sys.argv[2]).gauss(0, 0.01))\n",
            "pyproject.toml": "[project]\nname = 'pkg'\n",
        },
        options=(
            *("--command", "env PYTHONPATH=src python -m pkg.train {rate} {seed}", "--knob", "rate=0.1:0.01..1"),
            *("--editable", "src/**/*.py", "--metric", "loss", "--direction", "minimize"),
        ),
        knobs=("rate",),
    ),
    "shell and awk": Door(
        files={"go.sh": SHELL},
        options=(
            *("--command", "sh go.sh {rate} {seed}", "--knob", "rate=0.1:0.01..1"),
            *("--metric", "cost", "--direction", "minimize"),
        ),
        knobs=("rate",),
    ),
    "constants": Door(
        files={"train.py": CONSTANT},
        options=("--command", "python train.py", "--metric", "loss", "--direction", "minimize"),
        told="without a model a study varies train.py:RATE, train.py:STEPS",
    ),
    "csv": Door(
        files={"train.py": CSV},
        options=(*RATED, "--metric", "results/log.csv:val loss"),
        knobs=("rate",),
    ),
    "TensorBoard": Door(files={"train.py": TENSORBOARD}, options=(*RATED, "--metric", "val/loss"), knobs=("rate",)),
    "json": Door(files={"train.py": JSONS}, options=(*RATED, "--metric", "SEIR.means.peak"), knobs=("rate",)),
    "colours": Door(files={"train.py": COLOURS}, options=(*RATED, "--metric", "test loss"), knobs=("rate",)),
    "spaces and umlauts": Door(
        files={"mein Übung/löse es.py": PLAIN, "mein Übung/größe.txt": "ü"},
        options=(
            *("--command", "python 'mein Übung/löse es.py' {rate} {seed}", "--knob", "rate=0.1:0.01..1"),
            *("--metric", "loss", "--direction", "minimize"),
        ),
        knobs=("rate",),
    ),
    "writes into its folder": Door(
        files={"train.py": PLAIN + "open('last.txt', 'a').write('run')\nopen('train.log', 'w').write('x')\n"},
        options=LOSS,
        knobs=("rate",),
    ),
    "sparse gigabytes": Door(
        files={"train.py": "import os\nassert os.path.getsize('data/big.bin') == 8 << 30\n" + PLAIN},
        options=LOSS,
        knobs=("rate",),
        told="data/big.bin",
        more=_sparse,
    ),
    "many small files": Door(
        files={"train.py": "import os\nassert len(os.listdir('images')) == 300\n" + PLAIN},
        options=LOSS,
        knobs=("rate",),
        told="images",
        more=_many,
    ),
    "pipes and lost links": Door(
        files={"train.py": PLAIN},
        options=LOSS,
        knobs=("rate",),
        told="pipe is left out: it is no plain file",
        more=_odd,
    ),
    "a pointer of LFS": Door(
        files={
            "train.py": PLAIN,
            "model.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n",
            ".gitmodules": '[submodule "x"]\n\tpath = third/x\n\turl = ./x\n',
        },
        options=LOSS,
        knobs=("rate",),
        told="model.bin is a pointer of Git LFS",
    ),
    "a file of secrets": Door(
        files={
            "train.py": "import os\nassert not os.path.exists('.env') and 'NIGHTLAB_API_KEY' not in os.environ\n"
            + PLAIN,
            ".env": "KEY=1",
        },
        options=LOSS,
        knobs=("rate",),
    ),
    "a Makefile that deploys": Door(
        files={"Makefile": DEPLOY, "train.py": PLAIN, "README.md": "# x\n```\n$ python train.py 0.1 1\n```\n"},
        refused="make deploy   (in Makefile)",
        fast=True,
    ),
    "asks on stdin": Door(
        files={"train.py": "rate = input('rate? ')\n" + PLAIN}, options=LOSS, refused="EOF when reading a line"
    ),
    "prints nothing": Door(files={"train.py": "import sys\n"}, options=RATED, refused="said no number that has a name"),
    "wants a GPU": Door(
        files={"train.py": "raise RuntimeError('Found no NVIDIA driver on your system')\n"},
        options=LOSS,
        refused="without GPUs unless --gpus",
    ),
    "wants the network": Door(
        files={"train.py": "import socket\nsocket.create_connection(('192.0.2.1', 80), 3)\n"},
        options=LOSS,
        refused="without network",
    ),
    "an unknown knob": Door(
        files={"train.py": PLAIN},
        options=("--command", "python train.py {rate} {seed}", *MINIMISE),
        refused="--knob rate=DEFAULT:LOW..HIGH",
        fast=True,
    ),
    "two defaults": Door(
        files={"a.py": "LR = 0.1\n", "b.py": "LR = 0.2\n", "train.py": PLAIN},
        options=("--command", "python train.py {lr} {seed}", *MINIMISE),
        refused="--knob lr=0.2   (as in b.py:LR)",
        fast=True,
    ),
    "no metric named": Door(
        files={"train.py": PLAIN.replace("print(", "print('acc: 0.5')\nprint(")}, options=RATED, refused="--metric acc"
    ),
    "no direction": Door(
        files={"train.py": PLAIN},
        options=("--command", "python train.py 0.1 {seed}", "--metric", "loss"),
        refused="--direction minimize",
    ),
}
