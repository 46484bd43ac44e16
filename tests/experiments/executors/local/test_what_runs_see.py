"""What a run can see: of the machine, of whom it belongs to, of what the run is for, of the judge's words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.blindness import measure
from nightlab.experiments.executors.local.isolation.launch import Limits
from nightlab.experiments.executors.local.isolation.sandbox import LEVELS, Finished, confined, probe
from nightlab.experiments.executors.local.isolation.visible import sandbox_view
from nightlab.experiments.executors.local.local import LocalRunner
from nightlab.experiments.records import Level, RunOutcome, RunRequest
from nightlab.experiments.template.loading import load
from tests.conftest import MakeTemplate

BEST = probe()
CONFINING: list[Level] = [level for level in LEVELS[2:] if LEVELS.index(level) <= LEVELS.index(probe())]
RUN = "def run(params, inputs, out, seed):\n    (out / 'answer.json').write_text('{\"height\": 1.0, \"cost\": 1}')\n"
EVALUATE = (
    "import json\n\n\ndef evaluate(out, private, split):\n    return json.loads((out / 'answer.json').read_text())\n"
)
Do = Callable[..., RunOutcome]


@pytest.fixture
def do(make_template: MakeTemplate, tmp_path: Path) -> Iterator[Do]:
    """Run `code` as the experiment's first lines; the runner is kept while level, files and evaluator are the same."""
    with ExitStack() as stack:
        made: dict[object, tuple[LocalRunner, Path]] = {}

        def run(
            code: str = "",
            level: Level = BEST,
            evaluate: str = EVALUATE,
            cold: bool = False,
            seed: int = 1,
            **files: str,
        ) -> RunOutcome:
            key = (level, evaluate, *files.items())
            if key not in made:
                contents = {"experiment.py": RUN, "evaluate.py": evaluate, **{f"{n}.py": t for n, t in files.items()}}
                base, folder = tmp_path / f"base-{len(made)}", make_template(None, contents)
                text = (folder / "template.toml").read_text()
                if files:
                    listed = ", ".join(f'"{n}.py"' for n in files)
                    text = text.replace(
                        'editable = ["experiment.py"]', f'editable = ["experiment.py"]\nsupport = [{listed}]'
                    )
                    (folder / "template.toml").write_text(text)
                for name in ("inputs", "private"):
                    (base / name).mkdir(parents=True)
                (base / "private" / "ids").write_text("patient-4711")
                places = {"inputs": base / "inputs", "private": base / "private", "scratch": base / "scratch"}
                made[key] = LocalRunner(load(folder), workers=1, level=level, **places), folder
                stack.callback(made[key][0].close)
            runner, folder = made[key]
            artifact = tmp_path / f"artifact-{len(list(tmp_path.glob('artifact-*')))}"
            artifact.mkdir()
            (artifact / "experiment.py").write_text(code + "\n" + RUN)
            for name, text in files.items():
                (artifact / f"{name}.py").write_text(text)
            return runner.submit(RunRequest(artifact=artifact, params={}, seed=seed, cold=cold)).result(60)

        yield run


@pytest.mark.parametrize("level", CONFINING)
def test_nothing_of_the_machine_is_told(do: Do, level: Level) -> None:
    look = """
import os, sys
for name in ("cmdline", "partitions", "keys", "slabinfo", "kallsyms", "modules", "sys/kernel/random/boot_id"):
    try:
        print(name, open(f"/proc/{name}").read(9))
    except OSError:
        pass
for name in ("machine-id", "hostname", "shadow", "fstab", "ssh/ssh_host_rsa_key", "pip.conf", "environment"):
    try:
        print(name, open(f"/etc/{name}").read(1))
    except OSError:
        pass
print(open("/proc/self/cmdline").read().count("nightlab"))
frame = sys._getframe()
while frame:
    print(*(str(value) for name, value in frame.f_locals.items() if name == "config"))
    frame = frame.f_back
"""
    outcome = do(look, level)
    assert outcome.status == "ok", outcome.error
    words = outcome.output.split()
    assert not {"machine-id", "shadow", "fstab", "pip.conf", "environment", "parent", "scratch"} & set(words)
    assert not any(len(line.split()) > 1 for line in outcome.output.splitlines()[:7])
    assert "private" not in outcome.output
    if level == "S3":
        assert os.uname().nodename not in do("import os; print(os.uname().nodename)", level).output.split()


def test_what_a_run_sees_does_not_say_what_it_is_for(do: Do) -> None:
    """Everything that a run can read of itself, in runs that are cold or warm, first or later."""
    look = """
import os, resource, sys, threading
def told():
    yield "modules", sorted(n for n in sys.modules if not n.startswith("nightlab"))
    yield "path", sys.path
    yield "argv", [sys.argv, open("/proc/self/cmdline").read()]
    yield "environment", sorted(os.environ.items())
    yield "ids", [os.getpid(), os.getppid(), os.getsid(0), os.getcwd(), threading.active_count()]
    yield "processes", [n for n in os.listdir("/proc") if n.isdigit()]
    yield "limits", [resource.getrlimit(i) for i in range(16) if i not in (resource.RLIMIT_AS,)]
    yield "descriptors", sorted(os.listdir("/proc/self/fd"))
    yield "mounts", [line.split()[4] for line in open("/proc/self/mountinfo")]
    yield "maps", sorted({line.split()[5] for line in open("/proc/self/maps") if len(line.split()) > 5})
    for place in ("/lab", "/tmp", "/dev/shm", ".", ".."):
        yield place, sorted(os.listdir(place)) if os.path.isdir(place) else []
    yield "status", [l for l in open("/proc/self/status") if l.startswith(("Cap", "Sec", "NoNew", "Threads", "Name"))]
import json
print(json.dumps(dict(told()), default=str))
"""
    runs = [do(look, cold=i in (2, 5, 6)) for i in range(8)]
    assert {outcome.status for outcome in runs} == {"ok"}
    seen = [json.loads(outcome.output) for outcome in runs]
    for what in seen[0]:
        assert [one[what] for one in seen] == [seen[0][what]] * len(seen), what


def test_no_classifier_learns_what_a_run_is_for() -> None:
    """Trained on all that runs see, in an order drawn by chance; one whose answer is planted is found out."""
    found = measure(BEST, runs=40)
    chance, planted = found.pop("chance"), found.pop("planted")
    assert planted > chance
    assert max(found.values()) <= chance, found


@pytest.mark.parametrize(
    ("raises", "told"),
    [
        ("raise KeyError(secret)", "KeyError: '…' (evaluate.py, line 6)"),
        ("raise ValueError(f'wrong shape for {secret}')", "ValueError: wrong shape for …"),
        ("{}[secret]", "KeyError: '…' (evaluate.py, line 6)"),
        ("float(secret)", "ValueError: …"),
        ("open(private / secret)", "FileNotFoundError: […] No such file or directory"),
        ("json.loads('{' + secret)", "JSONDecodeError: Expecting property name enclosed in double quotes"),
        ("raise SystemExit(secret)", "SystemExit: … (evaluate.py, line 6)"),
        ("print(secret); import sys; sys.stderr.write(secret); import os; os._exit(3)", "exit code 3"),
        ("assert secret == 'a', secret", "AssertionError: … (evaluate.py, line 6)"),
    ],
)
def test_an_evaluators_error_tells_nothing_that_only_private_files_hold(do: Do, raises: str, told: str) -> None:
    head = "import json\n\n\ndef evaluate(out, private, split):\n    secret = (private / 'ids').read_text()\n"
    evaluate = f"{head}    {raises}\n"
    outcome = do(evaluate=evaluate)
    assert outcome.status == "invalid"
    assert told in outcome.error
    assert not {"4711", "patient"} & set(outcome.error.replace("-", " ").split("'"))
    assert "4711" not in outcome.error + outcome.output


@pytest.mark.parametrize("name", ["signal", "random", "types", "json", "traceback", "numbers", "inside", "copy"])
def test_a_file_may_have_the_name_of_a_module_of_the_library(do: Do, name: str) -> None:
    scores = "def evaluate(out, private, split):\n    return {'height': 1.0, 'cost': 1}\n"
    outcome = do(f"import {name}\n{name}.mine()", evaluate=scores, **{name: "def mine():\n    print('mine')\n"})
    assert (outcome.status, outcome.output) == ("ok", "mine"), outcome.error
    failed = do(f"import {name}\n{name}.mine()\nraise LookupError('told')", **{name: "def mine():\n    pass\n"})
    assert "LookupError: told" in failed.error


def ended(argv: list[str], folder: Path, level: Level) -> Finished:
    return confined(argv, write=folder, limits=Limits(wall_s=60, address_space=False), level=level)


@pytest.mark.parametrize(
    ("program", "files", "said"),
    [
        (
            "java",
            {"Main.java": "public class Main { public static void main(String[] a) { System.out.println(1); } }"},
            "1",
        ),
        ("node", {"a.js": "new WebAssembly.Memory({initial: 1, maximum: 60000}); console.log(1)"}, "1"),
        ("perl", {"a.pl": "use POSIX; use Socket; print 1;"}, "1"),
        ("sh", {"a.sh": 'test -n "$USER" && echo 1'}, "1"),
        ("Rscript", {"a.R": "cat(1)"}, "1"),
        ("gcc", {"a.c": "int main() { return 0; }"}, ""),
    ],
)
def test_programs_of_other_languages_find_what_they_need(
    program: str, files: dict[str, str], said: str, tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    if subprocess.run(["sh", "-c", f"command -v {program}"], capture_output=True, check=False).returncode:
        pytest.skip(f"{program} is not here")
    done = ended([program, *files], tmp_path, probe())
    assert (done.code, done.stdout.strip()) == (0, said), done.stderr


@pytest.mark.skipif(probe() != "S3", reason="a user of its own has its name from a file of its own")
def test_the_user_has_a_name(tmp_path: Path) -> None:
    ask = "import getpass, grp, os, pwd; u = pwd.getpwuid(os.getuid()); print(u.pw_name, u.pw_dir, getpass.getuser())"
    ask += "; print(grp.getgrgid(os.getgid()).gr_name)"
    assert ended([sys.executable, "-c", ask], tmp_path, "S3").stdout.split() == [
        "experiment",
        "/tmp",
        *["experiment"] * 2,
    ]


def test_an_environment_in_the_midst_of_a_project_shows_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    for name in ("bin", "lib/python3.11/site-packages", "studies/other", "src"):
        (project / name).mkdir(parents=True)
    for name in (".env", "studies/other/study.db", "pyvenv.cfg", "lib/libmkl_rt.so.2", "lib/notes"):
        (project / name).write_text("key")
    monkeypatch.setattr(sys, "prefix", str(project))
    monkeypatch.chdir(project)
    packages = project / "lib/python3.11/site-packages"
    monkeypatch.setattr("sysconfig.get_path", lambda *_, **__: str(packages))
    sight = sandbox_view(network=False)
    shown = [source for source, _ in sight.binds]
    inside = [path for path in (*shown, *sight.allowed) if Path(path).is_relative_to(project)]
    assert str(packages.parent) in inside
    assert {Path(path).relative_to(project).parts[0] for path in inside} == {"bin", "lib", "pyvenv.cfg"}
    assert str(project / "lib/libmkl_rt.so.2") in inside  # where wheels put what they share
    assert str(project / "lib/notes") not in inside


def test_what_a_conda_environment_leads_to_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = ("bin", "lib", "targets", "nvvm", "x86_64-conda-linux-gnu", "etc/fonts")
    for name in (*shown, "envs/other", "pkgs", "etc/conda"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path))
    sight = sandbox_view(network=False)
    inside = [path for path, _ in sight.binds if Path(path).is_relative_to(tmp_path)]
    assert inside == sorted(str(tmp_path / name) for name in shown)


def test_the_working_folder_is_hidden_below_what_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("app/studies/other", "app/tools/bin", "app/src", "share"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "app/.env").write_text("key")
    monkeypatch.chdir(tmp_path / "app")
    sight = sandbox_view(read=[tmp_path, tmp_path / "app/tools/bin"], network=False)
    assert {str(tmp_path / "app" / name) for name in (".env", "studies", "src")} <= set(sight.hidden)
    assert not any(str(tmp_path / "app/tools/bin").startswith(h) for h in sight.hidden)
    assert str(tmp_path / "app/tools") in sight.allowed
    assert str(tmp_path / "share") in sight.allowed


@pytest.mark.skipif(BEST != "S3", reason="only a network of its own can be spoken in")
def test_a_run_speaks_with_itself_by_the_network_and_with_no_other_run(do: Do) -> None:
    talk = """
import socket
print(hash(tuple(open(f"/proc/self/net/{name}").read() for name in ("dev", "snmp", "netstat"))))
for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))[: 1 + socket.has_ipv6]:
    server = socket.socket(family)
    server.bind((host, 4711))
    server.listen()
    client = socket.create_connection((host, 4711))
    side, _ = server.accept()
    side.sendall(b"heard")
    side.close()  # the port stays busy for a minute
    print(client.recv(9))
try:
    socket.create_connection(("192.0.2.1", 80), 1)
except OSError as error:
    print(error.errno)
"""
    first, *others = (do(talk) for _ in range(4))
    assert first.status == "ok", first.error
    assert first.output.count("heard") >= 1
    assert "101" in first.output
    assert [other.output for other in others] == [first.output] * 3, others[0].error
