"""The command line. Heavy imports wait until a command needs them, so that help answers at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
import typer.core

from nightlab.commands.adopt import adopt
from nightlab.commands.check import check
from nightlab.commands.common.ending import CAN_RESUME, DONE, fail, print_json
from nightlab.commands.doctor import doctor
from nightlab.commands.export import export
from nightlab.commands.finalize import finalize
from nightlab.commands.follow import follow
from nightlab.commands.fork import fork
from nightlab.commands.importing import import_
from nightlab.commands.resume import resume
from nightlab.commands.review import review
from nightlab.commands.run import experiment, run
from nightlab.commands.scores import scores
from nightlab.commands.templates import templates
from nightlab.commands.trials import trials
from nightlab.commands.verify import verify

COMMANDS = (  # as help lists them
    run,
    experiment,
    resume,
    fork,
    review,
    scores,
    trials,
    verify,
    export,
    finalize,
    follow,
    templates,
    adopt,
    import_,
    check,
    doctor,
)

_UsageError: type[Exception] = typer.BadParameter.__bases__[0]  # of the click that typer brings or builds on


class _Group(typer.core.TyperGroup):
    """The commands; a wrong use ends in a JSON object, too, where JSON was asked for."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except _UsageError as error:
            if "--json" in sys.argv:
                print_json({"error": error.format_message() if hasattr(error, "format_message") else str(error)})
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


@contextmanager
def _told_errors() -> Iterator[None]:
    """Errors that a user can do something about end in a message and an exit code, not in a traceback."""
    from nightlab.experiments.errors import NightlabError

    try:
        yield
    except NightlabError as error:
        fail(str(error), error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(DONE) from None
    except OSError as error:
        fail(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "), CAN_RESUME)


for command in COMMANDS:
    app.command(command.__name__.rstrip("_"))(_told_errors()(command))


def main() -> None:
    from nightlab.heap import share_heap
    from nightlab.telling.terminal import show_anything

    show_anything()
    share_heap()
    app()


if __name__ == "__main__":
    main()
