"""The knobs of a command: each by what was given of it, and by what the code says of it; nothing is guessed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from nightlab.experiments.template.adoption.places import ValuePlace, plain
from nightlab.experiments.template.adoption.refusal import AdoptionError
from nightlab.experiments.template.command import named
from nightlab.experiments.template.diagnostics import PLACES
from nightlab.experiments.template.knobs.derived import ranged

Table = dict[str, Any]
_GIVEN = re.compile(
    r"(?P<name>[A-Za-z_]\w*)(?:@(?P<place>\$\w+|[^:=]+:[^:=\s]+))?(?:=(?P<default>[^:]*))?(?::(?P<range>.+))?"
)
_FORM = "NAME[@FILE:KEY][=DEFAULT][:LOW..HIGH], such as lr=0.1:1e-4..1, opt=adam:adam|sgd or lr@conf.yaml:train.lr"


def knobs(words: Sequence[str], given: Sequence[str], places: Sequence[ValuePlace]) -> dict[str, Table]:
    """The tables of [search.space]: for each name in the braces of the command, and for each knob that was given.

    Raises AdoptionError where a value, a range or a place is missing.
    """
    asked = dict[str, re.Match[str]]()
    for text in given:
        if not (match := _GIVEN.fullmatch(text)):
            raise AdoptionError(f"--knob {text!r}: give {_FORM}")
        asked[match["name"]] = match
    in_words = dict.fromkeys(name for word in words for name in named(word) if name not in PLACES)
    if idle := [name for name, match in asked.items() if name not in in_words and not match["place"]]:
        raise AdoptionError(
            f"--knob {idle[0]}: nothing hands it to the program; name it in the command as {{{idle[0]}}}, or say where"
            f" it stands: {idle[0]}@FILE:KEY, or {idle[0]}@$VARIABLE",
        )
    return {name: _table(name, words, asked.get(name), places) for name in dict.fromkeys([*in_words, *asked])}


def _table(name: str, words: Sequence[str], given: re.Match[str] | None, places: Sequence[ValuePlace]) -> Table:
    place = (given and given["place"]) or ""
    found = _at(place, places) if place else _found(name, words, places)
    default = found.value if found else None
    if given and given["default"] is not None:
        text = given["default"]
        default = text if found and isinstance(found.value, str) and not given["range"] else value_of(text)
        if isinstance(default, int) and found and isinstance(found.value, float):
            default = float(default)
    if default is None:
        raise _missing(name, place, places)
    table = _ranged(name, default, (given and given["range"]) or "", found)
    if place:
        kind = "env" if place[0] == "$" else "constant" if place.partition(":")[0].endswith(".py") else "key"
        table[kind] = place.removeprefix("$")
    if found and found.texts and f"{{{name}}}" in words and table["type"] == "bool":
        table["texts"] = list(found.texts)
    strategy = name if re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", name) else "options"
    return {**table, "strategy": strategy, "default": default}


def _ranged(name: str, default: Any, asked: str, found: ValuePlace | None) -> Table:
    """Its type, and what it may be: as asked, else as the code has it, else by the rule for constants."""
    if asked and "|" in asked:
        choices = [value_of(text) for text in asked.split("|")]
        return {"type": "choice", "choices": choices if default in choices else [default, *choices]}
    if asked:
        low, _, high = map(value_of, asked.partition(".."))
        numbers = all(isinstance(n, int | float) and not isinstance(n, bool) for n in (low, high, default))
        if not numbers or not low <= default <= high or low == high:
            raise AdoptionError(f"--knob {name}: {asked!r} is no range LOW..HIGH or a|b|c that holds {default!r}")
        whole = all(isinstance(n, int) for n in (low, high, default))
        return {"type": "int" if whole else "float", "low": low, "high": high, "log": low > 0 and high >= 10 * low}
    if found and len(found.choices) > 1 and default in found.choices:
        return {"type": "choice", "choices": list(found.choices)}
    if table := ranged(default):
        return table
    such = f"{default}|OTHER" if isinstance(default, str) else "LOW..HIGH"
    raise AdoptionError(f"{{{name}}} is {default!r}, for which no rule gives a range; give --knob {name}:{such}")


def _found(name: str, words: Sequence[str], places: Sequence[ValuePlace]) -> ValuePlace | None:
    """What the code says of a knob: of the option before it, of an option of its name, or of a value of its name.

    Raises AdoptionError where several say different things.
    """
    flag = _flag(name, words)
    said = plain(flag or name)
    ends = [p for p in places if f".{plain(p.name)}".endswith(f".{said}")]
    for tier in (
        [p for p in places if flag in p.flags and not p.texts],
        [p for p in places if p.kind == "option" and plain(p.name) in (plain(name), said)],
        [p for p in ends if p.kind != "option"],
        [p for p in places if p.kind != "option" and p.last in (plain(name), said.rpartition(".")[2])],
    ):
        values = {repr(p.value): p for p in tier if p.value is not None}
        if len(values) > 1:
            told = [f"--knob {name}={p.value}   (as in {p.where})" for p in values.values()]
            raise AdoptionError(f"{{{name}}} has several values in the code; say which one is the baseline's:", told)
        if values:
            return next(iter(values.values()))
    return None


def _flag(name: str, words: Sequence[str]) -> str:
    """The option, or the key, that a command gives the knob to; empty where there is none."""
    for before, word in zip(("", *words), words, strict=False):
        if word == f"{{{name}}}":
            return before if before.startswith("-") else ""
        if word.endswith(f"={{{name}}}"):
            return word.partition("=")[0]
    return ""


def _at(place: str, places: Sequence[ValuePlace]) -> ValuePlace | None:
    return next((p for p in places if p.where == place and p.kind != "option"), None)


def _missing(name: str, place: str, places: Sequence[ValuePlace]) -> AdoptionError:
    if place and place[0] != "$":
        file = place.partition(":")[0]
        there = [p.where for p in places if p.kind != "option" and p.where.startswith(f"{file}:")]
        return AdoptionError(f"--knob {name}@{place}: no plain value stands there; there are:", there[:20] or ["none"])
    asks = f"$VARIABLE has no value that is known; give --knob {name}@{place}=DEFAULT:LOW..HIGH"
    options = sorted({f"{p.flags[0] if p.flags else p.name} = {p.value}" for p in places if p.kind == "option"})
    said = f"no default of {{{name}}} is found in the code; give --knob {name}=DEFAULT:LOW..HIGH"
    return AdoptionError(asks if place else f"{said}, such as --knob {name}=0.1:0.01..1", options[:20])


def value_of(text: str) -> Any:
    """A word as a truth value, a number or a text."""
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
