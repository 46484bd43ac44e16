"""The command line. Heavy imports wait until a command needs them, so that help answers at once."""

from __future__ import annotations

import copy
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, Optional, get_args

import typer
import typer.core

DONE, DOES_NOT_HOLD, WRONG_USE, CAN_RESUME, INTERRUPTED = 0, 1, 2, 3, 130

_UsageError: type[Exception] = typer.BadParameter.__bases__[0]  # of the click that typer brings or builds on


class _Group(typer.core.TyperGroup):
    """The commands; a wrong use ends in a JSON object, too, where JSON was asked for."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except _UsageError as error:
            if "--json" in sys.argv:
                _print_json({"error": error.format_message() if hasattr(error, "format_message") else str(error)})
            raise


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="An AI scientist that can be believed: a research template goes in, a reviewed paper comes out.",
    epilog="Exit codes: 0 done; 1 what was asked for does not hold; 2 wrong use or a broken template; "
    "3 budget or model failed, the study can be resumed; 130 interrupted, likewise.",
)

TemplateArg = Annotated[
    str, typer.Argument(help="A template that ships with nightlab, or a folder with a template.toml.")
]
StudyArg = Annotated[Path, typer.Argument(help="A study's folder, as `run` and `experiment` print it.")]
TEMPLATES, STUDYS = "the template's", "the study's"  # where a default comes from
Trials = Annotated[int, typer.Option(min=1, help="Trials of the search.", show_default=TEMPLATES)]
Seeds = Annotated[int, typer.Option(min=1, help="Replicates that a verdict may use.", show_default=TEMPLATES)]
ConfirmSeeds = Annotated[
    int, typer.Option(min=2, max=1000, help="Fresh seeds for the claim, after the search.", show_default=TEMPLATES)
]
Hours = Annotated[float, typer.Option(min=0.001, max=1e5, help="Time limit of the search.", show_default=TEMPLATES)]
Workers = Annotated[int, typer.Option(min=1, help="Runs at the same time.", show_default="all cores")]
Seed = Annotated[
    int, typer.Option(min=0, help="Seed of the study; with one worker and its --key everything repeats exactly.")
]
Key = Annotated[
    str,
    typer.Option(
        help="Key of the study's seeds, as its --json tells it: 32 hexadecimal digits that no experiment may know.",
        show_default="drawn at random",
    ),
]
Out = Annotated[Path, typer.Option(help="Where studies are kept.", file_okay=False)]
Rounds = Annotated[int, typer.Option(min=0, help="Revision rounds at most.")]
Policy = Annotated[
    str, typer.Option(help="Search: greedy, tree, evolution, archive, gp, random, or Optuna's own tpe and cmaes.")
]
Rule = Annotated[
    str, typer.Option(help="Verdicts: paired (replicates against the noise) or strict (what scores better is kept).")
]
Isolation = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(help="Refuse to run below this level: S3, S2, S1 or S0. Code that a model wrote needs S3 without it."),
]
Executor = Annotated[
    str, typer.Option(help="Where the runs happen: local, or the name that an installed package gives its executor.")
]
MODELS = "Language models"
Model = Annotated[
    str,
    typer.Option(
        help="A model for every role: openai:NAME, another provider's PROVIDER:NAME, or fake:SCRIPT."
        " Without one, nor one in nightlab.toml, the offline team works.",
        show_default=False,
        rich_help_panel=MODELS,
    ),
]
ReviewerModel = Annotated[
    str, typer.Option(help="A model of its own for the reviewers.", show_default=False, rich_help_panel=MODELS)
]
BaseUrl = Annotated[
    str,
    typer.Option(
        help="Address of a server that speaks OpenAI's protocol, e.g. http://127.0.0.1:8000/v1.",
        show_default=False,
        rich_help_panel=MODELS,
    ),
]
Tokens = Annotated[
    int,
    typer.Option(min=1, help="Limit on tokens, in and out together.", show_default=False, rich_help_panel=MODELS),
]
Usd = Annotated[
    float,
    typer.Option(
        min=1e-6, max=1e6, help="Limit on the price of all calls.", show_default=False, rich_help_panel=MODELS
    ),
]
Record = Annotated[
    bool, typer.Option("--record", help="Keep every prompt and answer in the study.", rich_help_panel=MODELS)
]
Replay = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        help="A recorded study: its answers are used instead of a model's, its settings where none are given.",
        show_default=False,
        rich_help_panel=MODELS,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="End with one JSON object on standard output.")]

DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Only estimate time, calls, tokens and cost, by timed runs of the baseline."),
]

# What a command did not get is left to the template or, in a fork, to the study.
GIVEN: Any = None


def _version(asked: bool) -> None:
    if asked:
        from nightlab import __version__

        typer.echo(f"nightlab {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def run(
    template: TemplateArg,
    trials: Trials = GIVEN,
    seeds: Seeds = GIVEN,
    confirm_seeds: ConfirmSeeds = GIVEN,
    hours: Hours = GIVEN,
    workers: Workers = GIVEN,
    seed: Seed = 0,
    key: Key = "",
    out: Out = Path("studies"),
    rounds: Rounds = 2,
    policy: Policy = "greedy",
    rule: Rule = "paired",
    isolation: Isolation = None,
    executor: Executor = "local",
    model: Model = "",
    reviewer_model: ReviewerModel = "",
    base_url: BaseUrl = "",
    tokens: Tokens = GIVEN,
    usd: Usd = GIVEN,
    record: Record = False,
    replay: Replay = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Write a paper: the whole pipeline, from the template to the reviewed PDF.

    Example: nightlab run digits --trials 40

    Example: nightlab run digits --trials 400 --dry-run
    """
    _start("pipeline", **locals())


@app.command()
def experiment(
    template: TemplateArg,
    trials: Trials = GIVEN,
    seeds: Seeds = GIVEN,
    confirm_seeds: ConfirmSeeds = GIVEN,
    hours: Hours = GIVEN,
    workers: Workers = GIVEN,
    seed: Seed = 0,
    key: Key = "",
    out: Out = Path("studies"),
    policy: Policy = "greedy",
    rule: Rule = "paired",
    isolation: Isolation = None,
    executor: Executor = "local",
    model: Model = "",
    base_url: BaseUrl = "",
    tokens: Tokens = GIVEN,
    usd: Usd = GIVEN,
    record: Record = False,
    replay: Replay = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Run only the experiment subgraph: search, confirmation, ablation.

    Example: nightlab experiment path/to/template --trials 100 --workers 2 --json
    """
    _start("experiment", **locals())


@app.command()
def resume(
    study: StudyArg,
    trials: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="+N", help="Give a finished study so many trials more, and a claim of its own for them."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Go on with a study where it stopped; a finished one gets a PDF if it had none, or is extended with --trials.

    Example: nightlab resume studies/digits-20260102-a1b2c3

    Example: nightlab resume studies/digits-20260102-a1b2c3 --trials +50
    """
    if trials is not None and not (trials[:1] == "+" and trials[1:].isdecimal() and int(trials) > 0):
        _fail(f"--trials {trials!r}: give the number of trials to add with a plus, such as +50", WRONG_USE)
    with _told_errors():
        if trials is not None:
            from nightlab.graph.session import extend

            extend(study, int(trials))
        elif not as_json and _finished(study):
            from nightlab.experiments.study.study import resuming
            from nightlab.telling.terminal import say

            say(f"{study} is finished; {resuming(study, '--trials +50')} would extend it")
        _work(study, as_json)


def _finished(folder: Path) -> bool:
    from nightlab.telling import report

    with report.opened(folder) as study:
        return study.finished


def _inherited(option: Any, default: str = STUDYS) -> Any:
    """An option of `run` as `fork` has it: what is not given is as in the study."""
    own = copy.copy(get_args(option)[1])
    own.show_default = default
    return own


@app.command()
def fork(
    study: StudyArg,
    trial: Annotated[int, typer.Option(min=0, help="The trial that is the new study's baseline.")],
    trials: Annotated[int, _inherited(Trials)] = GIVEN,
    seeds: Annotated[int, _inherited(Seeds)] = GIVEN,
    confirm_seeds: Annotated[int, _inherited(ConfirmSeeds)] = GIVEN,
    hours: Annotated[float, _inherited(Hours)] = GIVEN,
    workers: Annotated[int, _inherited(Workers)] = GIVEN,
    seed: Annotated[int, _inherited(Seed)] = GIVEN,
    out: Out = Path("studies"),
    rounds: Annotated[int, _inherited(Rounds)] = GIVEN,
    policy: Annotated[str, _inherited(Policy)] = GIVEN,
    rule: Annotated[str, _inherited(Rule)] = GIVEN,
    isolation: Annotated[Optional[str], _inherited(Isolation)] = GIVEN,  # noqa: UP045
    executor: Annotated[str, _inherited(Executor)] = GIVEN,
    model: Annotated[str, _inherited(Model)] = GIVEN,
    reviewer_model: Annotated[str, _inherited(ReviewerModel, f"{STUDYS}, or --model where given")] = GIVEN,
    base_url: Annotated[str, _inherited(BaseUrl)] = GIVEN,
    tokens: Annotated[int, _inherited(Tokens)] = GIVEN,
    usd: Annotated[float, _inherited(Usd)] = GIVEN,
    record: Annotated[bool, _inherited(Record)] = GIVEN,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Start a new study from a trial of another: its files and parameters are the new baseline.

    Example: nightlab fork studies/digits-20260102-a1b2c3 --trial 17 --trials 100
    """
    _branch(**locals())


@app.command()
def scores(study: StudyArg, as_json: Json = False) -> None:
    """Show the reviewers' scores of every round.

    Example: nightlab scores studies/digits-20260102-a1b2c3 --json
    """
    from nightlab.telling import report

    with _told_errors(), report.opened(study) as opened:
        rounds = report.rounds(opened)
        if as_json:
            _print_json({"study": str(opened.folder), "rounds": rounds})
        elif not rounds:
            _fail(report.no_reviews(opened), DOES_NOT_HOLD)
        else:
            report.print_scores(opened)
        if not rounds:
            raise typer.Exit(DOES_NOT_HOLD)


@app.command()
def trials(
    study: StudyArg,
    trial: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(
            min=0,
            help="One trial whole: its parameters, runs, output and edits.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the trials of a study with their verdicts, or show one of them.

    Example: nightlab trials studies/digits-20260102-a1b2c3

    Example: nightlab trials studies/digits-20260102-a1b2c3 --trial 17
    """
    from nightlab.telling import report, trials_view

    with _told_errors(), report.opened(study) as opened:
        if as_json:
            found = (
                {"trials": trials_view.rows(opened)} if trial is None else {"trial": trials_view.whole(opened, trial)}
            )
            _print_json({"study": str(opened.folder), **found})
        elif trial is None:
            trials_view.print_trials(opened)
        else:
            trials_view.print_trial(opened, trial)


@app.command()
def follow(
    study: StudyArg,
    after: Annotated[int, typer.Option(min=0, help="Only what was told after the event of this number.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, with the event's number.")] = False,
) -> None:
    """Watch a study that another process works on, until it is finished. Ctrl-C ends the watching, not the study.

    Example: nightlab follow studies/digits-20260102-a1b2c3

    Example: nightlab follow studies/digits-20260102-a1b2c3 --after 120 --json
    """
    from nightlab.telling import following, report

    with _told_errors(), report.opened(study) as opened:
        try:
            if not as_json:
                return following.show(opened, after)
            for event in following.follow(opened, after):
                _print_json(event.record())
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None


@app.command()
def templates(as_json: Json = False) -> None:
    """List the research templates that ship with nightlab.

    Example: nightlab templates --json
    """
    from nightlab.telling import report

    with _told_errors():
        report.print_templates(as_json, _print_json)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Show what this machine has, what is missing, and how to get it.

    Example: nightlab doctor
    """
    from nightlab.doctor import examine, print_report

    with _told_errors():
        checks = examine()
        if as_json:
            _print_json({"checks": [vars(c) | ({"advice": ""} if c.ok else {}) for c in checks]})
        else:
            print_report(checks)
        if any(not c.ok and c.needed for c in checks):
            raise typer.Exit(DOES_NOT_HOLD)


def _given(**options: Any) -> dict[str, Any]:
    """The options that were given, as fields of Settings."""
    if (level := options["isolation"]) not in (None, "S0", "S1", "S2", "S3"):
        _fail(f"--isolation {level!r} is no level; give S3, S2, S1 or S0", WRONG_USE)
    reviewer, replay = options.pop("reviewer_model", None), options.get("replay")
    given = options | {"models": {"reviewer": reviewer} if reviewer else None, "replay": replay and str(replay)}
    return {name: value for name, value in given.items() if value is not None}


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start(
    mode: Literal["pipeline", "experiment"], *, template: str, out: Path, as_json: bool, dry_run: bool, **options: Any
) -> None:
    """Begin a study, with what `run` or `experiment` got."""
    with _told_errors():
        from nightlab.experiments.study.study import Settings
        from nightlab.graph.estimate import keyless
        from nightlab.graph.session import begin

        settings = Settings(**_given(**options | {"workers": options["workers"] or _cores()}))
        make = keyless if dry_run else begin
        _go(lambda place: make(template, settings, place, mode), out, as_json, dry_run)


def _branch(*, study: Path, trial: int, out: Path, as_json: bool, dry_run: bool, **options: Any) -> None:
    """Begin a study from a trial of another, with what `fork` got."""
    changed = _given(**options)
    with _told_errors():
        from nightlab.graph import session

        _go(lambda place: session.fork(study, trial, place, **changed), out, as_json, dry_run)


def _go(begin: Callable[[Path], Path], out: Path, as_json: bool, dry_run: bool) -> None:
    """Work on the study that `begin` makes, or only estimate what that would take."""
    if not dry_run:
        return _work(begin(out), as_json)
    from nightlab.graph.estimate import estimate
    from nightlab.telling import report

    told = estimate(begin)
    return _print_json(told) if as_json else report.print_estimate(told)


def _work(folder: Path, as_json: bool) -> None:
    """Drive a study to its end, show the way there, and tell what came of it."""
    from langgraph.runtime import RunControl

    from nightlab.experiments.study.study import is_study, resuming
    from nightlab.graph.session import Interrupted, work
    from nightlab.telling import report
    from nightlab.telling.progress import Lines, Screen, View
    from nightlab.telling.terminal import Terminal, say

    console = Terminal(stderr=as_json)
    view: View = Screen(console, f"nightlab: {folder}") if console.is_terminal else Lines(console)
    control, stop = RunControl(), []  # type: ignore[var-annotated]
    if not console.is_terminal and is_study(folder):
        console.print(f"study {folder}", soft_wrap=True)
    try:
        with _interruptible(control, stop, console), view:
            work(folder, view.hear, control, stop)
    except Interrupted:
        _fail(f"interrupted; {resuming(folder)} goes on", INTERRUPTED)
    with report.opened(folder) as study:
        problem = report.problem(study)
        if as_json:
            _print_json(report.outcome(study) | ({"error": problem} if problem else {}))
        else:
            report.print_outcome(study, console)
        if problem:
            say(f"nightlab: {problem}", error=True)
            raise typer.Exit(DOES_NOT_HOLD)


@contextmanager
def _interruptible(control: Any, stop: list[Callable[[], None]], console: Any) -> Iterator[None]:
    """The first Ctrl-C (or SIGTERM) drains and saves; the second stops at once."""
    from nightlab.graph.session import Interrupted

    def handle(_signal: int, _frame: object) -> None:
        if control.drain_requested:
            for end in stop:
                end()
            raise Interrupted
        console.print("stopping after the step in progress; again to stop at once", style="yellow")
        control.request_drain("interrupted")

    before = {s: signal.signal(s, handle) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for s, handler in before.items():
            signal.signal(s, handler)


@contextmanager
def _told_errors() -> Iterator[None]:
    """Errors that a user can do something about end in a message and an exit code, not in a traceback."""
    from nightlab.experiments.errors import NightlabError

    try:
        yield
    except NightlabError as error:
        _fail(str(error), error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(DONE) from None
    except OSError as error:
        _fail(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "), CAN_RESUME)


def _print_json(body: dict[str, Any]) -> None:
    from nightlab.telling.terminal import encodable

    line = json.dumps(body, ensure_ascii=False)
    sys.stdout.write(f"{line if encodable(line) else json.dumps(body)}\n")
    sys.stdout.flush()


def _fail(message: str, code: int) -> NoReturn:
    from nightlab.telling.terminal import say

    say(f"nightlab: {message}", error=True)
    if "--json" in sys.argv:
        _print_json({"error": message})
    raise typer.Exit(code)


def main() -> None:
    from nightlab.heap import share_heap
    from nightlab.telling.terminal import show_anything

    show_anything()
    share_heap()
    app()


if __name__ == "__main__":
    main()
