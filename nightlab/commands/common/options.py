"""Arguments and options that several commands share; those of a study's settings are built from their declarations."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Optional, TypeVar

import typer

from nightlab.agents.chat.settings import ModelSettings
from nightlab.experiments.options import Declared, Option, declared
from nightlab.experiments.study.settings import Settings

TemplateArg = Annotated[
    str, typer.Argument(help="A template that ships with nightlab, or a folder with a template.toml.")
]
StudyArg = Annotated[Path, typer.Argument(help="A study's folder, as `run` and `experiment` print it.")]
Out = Annotated[Path, typer.Option(help="Where studies are kept.", file_okay=False)]
Json = Annotated[bool, typer.Option("--json", help="End with one JSON object on standard output.")]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Only estimate time, calls, tokens and cost, by timed runs of the baseline."),
]
RequireAccept = Annotated[
    bool, typer.Option("--require-accept", help="End with exit code 1 where the panel does not accept the paper.")
]
STUDYS = "the study's"  # value, where none is given
KEYWORD = inspect.Parameter.KEYWORD_ONLY
Command = TypeVar("Command", bound=Callable[..., None])


def asks(
    *without: str, inherited: bool = False, of: tuple[type[Any], ...] = (Settings, ModelSettings)
) -> Callable[[Command], Command]:
    """Give a command an option for each setting, in place of its `**settings`.

    without: those that it does not have. inherited: what is not given is as in another study. of: the concerns whose
    settings it has.
    """

    def signed(command: Command) -> Command:
        own = inspect.signature(command, eval_str=True)
        parameters = [each for each in own.parameters.values() if each.kind is not each.VAR_KEYWORD]
        asked = []
        for name, setting in _settings(of).items():
            if setting.option and name not in without:
                default, annotation = _typed(name, setting, setting.option, inherited)
                asked.append(inspect.Parameter(name, KEYWORD, default=default, annotation=annotation))
        needed = [each.replace(kind=KEYWORD) for each in parameters if each.default is each.empty]
        rest = [each.replace(kind=KEYWORD) for each in parameters if each.default is not each.empty]
        command.__signature__ = own.replace(parameters=[*needed, *asked, *rest])  # type: ignore[attr-defined]
        return command

    return signed


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that were given by options."""
    by_role = {name: setting for name, setting in _settings().items() if setting.option and setting.option.role}
    found = {name: value for name, value in options.items() if value is not None and name not in by_role}
    for name, setting in by_role.items():
        if setting.option and options.get(name):
            found[setting.name] = {setting.option.role: options[name]}
    return found


def _settings(of: tuple[type[Any], ...] = (Settings, ModelSettings)) -> dict[str, Declared]:
    """Every setting that is an option, by the option's name."""
    found = [setting for concern in of for setting in declared(concern).values()]
    return {_name(setting): setting for setting in found if setting.option}


def _name(setting: Declared) -> str:
    return f"{setting.option.role}_model" if setting.option and setting.option.role else setting.name


def _typed(name: str, setting: Declared, option: Option, inherited: bool) -> tuple[Any, Any]:
    """The default and the annotation of an option, as typer reads them."""
    kind = setting.kind if setting.kind in (int, float, bool) else str
    left = inherited or bool(option.origin)  # to the template, the machine or the other study
    own = f"{STUDYS}, or --model where given" if option.role else STUDYS
    asked = typer.Option(
        *([f"--{name}"] if kind is bool else []),
        min=option.low,
        max=option.high,
        help=option.help,
        show_default=own if inherited else option.origin or option.origin is not None,
        rich_help_panel=option.panel or None,
        metavar=option.shown or None,
    )
    unset = setting.default is None or (option.low is not None and setting.default < option.low)  # as 0 for no limit
    default = None if left or option.role or unset else setting.default
    return default, Annotated[Optional[kind] if default is None else kind, asked]  # noqa: UP045
