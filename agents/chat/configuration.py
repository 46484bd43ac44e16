"""`nightlab.toml` in the working directory: models and how they are called, by role, and prices.

    [models]
    model = "openai:gpt-4.1-mini"        # for every role that names none
    reviewer = "openai:gpt-4.1"          # a role: its model, or a table with its own parameters
    coder = { model = "openai:coder", base_url = "http://127.0.0.1:8099/v1", context = 16384 }
    solver = "none"                      # what the judge of a template asks; "none": no model has this role
    temperature = 0.7                    # for all roles; as base_url, max_tokens, timeout_s, retries, context, ...

    [prices]                             # USD per million tokens, before the table that ships with nightlab
    "my-model" = { in = 0.4, cached = 0.1, out = 1.6 }

The command line goes before the file. Keys come from the environment only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from nightlab.agents.chat.models import Models, adopted
from nightlab.agents.chat.protocol import Parameters, checked_url
from nightlab.agents.chat.settings import NONE, ROLES, SOLVER, ModelSettings
from nightlab.experiments.ledger.memory import MemoryLedger
from nightlab.experiments.reading import Unreadable, read_toml
from nightlab.experiments.study.settings import Settings, SettingsError
from nightlab.experiments.template.diagnostics import fault_sentence

FILE = "nightlab.toml"
Usd = Annotated[float, Field(ge=0)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


# The tables of models are what is declared elsewhere; what is left out keeps its default.
CALLING: dict[str, Any] = {name: (kind, None) for name, kind in get_type_hints(Parameters, include_extras=True).items()}
RoleModel: Any = create_model("RoleModel", __base__=_Table, model=(str, ""), **CALLING)
Filled: Any = Annotated[str, Field(min_length=1)] | RoleModel
BY_ROLE: dict[str, Any] = {role: (Filled | None, None) for role in (*ROLES, SOLVER)}
ModelsTable: Any = create_model("ModelsTable", __base__=RoleModel, **BY_ROLE)


class PriceRow(_Table):
    in_: Usd = Field(alias="in")
    cached: Usd | None = None
    out: Usd


class File(_Table):
    models: ModelsTable = ModelsTable()
    prices: dict[str, PriceRow] = {}


def completed(settings: Settings, models: ModelSettings, folder: Path) -> tuple[Settings, ModelSettings]:
    """The settings as they are kept: with nightlab.toml or a recording, scripts by their full path.

    Raises SettingsError for a model that cannot be had from here, before there is a study.
    """
    settings, models = adopted(settings, configured(models, folder))
    by_role = {role: _full(name) for role, name in models.models.items()}
    models = replace(models, model=_full(models.model), models=by_role)
    if models.model or models.models:
        Models(models, MemoryLedger(), [role for role in (*ROLES, SOLVER) if role != SOLVER or by_role.get(SOLVER)])
    return settings, models


def _full(name: str) -> str:
    kind, _, script = name.partition(":")
    return f"fake:{Path(script).resolve()}" if kind == "fake" and script else name


def configured(settings: ModelSettings, folder: Path) -> ModelSettings:
    """The settings with what nightlab.toml in this folder adds. Raises SettingsError."""
    if settings.base_url:
        checked_url(settings.base_url)
    path = folder / FILE
    if not path.is_file():
        return settings
    file = read(path)
    table = file.models
    rows = {role: _row(getattr(table, role)) for role in (*ROLES, SOLVER)}
    listed = {role: row.model for role, row in rows.items() if row.model}
    known = {role: name for role, name in listed.items() if not settings.model or name == NONE}
    named = {role: "" if name == NONE else name for role, name in known.items()}
    common = _given(table)
    parameters = {role: common | _given(row) for role, row in rows.items()}
    for given in parameters.values():
        if settings.base_url:
            given["base_url"] = settings.base_url
        if given.get("base_url"):
            checked_url(given["base_url"])
    prices = {name: row.model_dump(by_alias=True, exclude_none=True) for name, row in file.prices.items()}
    return replace(
        settings,
        model=settings.model or table.model,
        models=named | dict(settings.models),
        parameters={role: given for role, given in parameters.items() if given},
        prices=prices,
    )


def read(path: Path) -> File:
    """Raises SettingsError that names, for each fault, the file, the key, what is wrong and what would be right."""
    try:
        return File.model_validate(read_toml(path))
    except Unreadable as error:
        raise SettingsError(f"{path}: {error}") from None
    except ValidationError as error:
        raise SettingsError("\n".join(f"{path}: {line}" for line in _faults(error))) from None


def _faults(error: ValidationError) -> Iterator[str]:
    """Each fault; a role is a name or a table, and where it is a table, that it is no name is no fault."""
    seen = set()
    for fault in error.errors(include_url=False):
        place = tuple(part for part in fault["loc"] if part not in ("constrained-str", "RoleModel"))
        if place not in seen and not (fault["loc"][-1] == "constrained-str" and isinstance(fault["input"], dict)):
            seen.add(place)
            yield fault_sentence({**fault, "loc": place}, File)


def _row(filled: Any) -> Any:
    """The table of a role, for which a model's name may stand."""
    return RoleModel(model=filled) if isinstance(filled, str) else filled or RoleModel()


def _given(row: BaseModel) -> dict[str, Any]:
    return row.model_dump(include=set(CALLING), exclude_none=True)
