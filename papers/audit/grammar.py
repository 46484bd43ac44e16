"""The small grammar of free sentences: word classes and patterns of `grammar.toml`, as regular expressions.

A pattern names a class as `<class>`; of verbs `<class.s>`, `<class.ed>`, `<class.ing>` are the forms, which are built.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

_IRREGULAR = {
    "bear": ("bore", "borne"), "begin": ("began", "begun"), "bring": ("brought",), "choose": ("chose", "chosen"),
    "come": ("came", "come"), "do": ("did", "done"), "draw": ("drew", "drawn"), "drive": ("drove", "driven"),
    "fall": ("fell", "fallen"), "find": ("found",), "get": ("got",), "give": ("gave", "given"), "go": ("went", "gone"),
    "grow": ("grew", "grown"), "hold": ("held",), "keep": ("kept",), "know": ("knew", "known"), "lead": ("led",),
    "leave": ("left",), "lie": ("lay", "lain"), "lose": ("lost",), "make": ("made",), "mean": ("meant",),
    "meet": ("met",), "prove": ("proved", "proven"), "read": ("read",), "rise": ("rose", "risen"),
    "run": ("ran", "run"),
    "say": ("said",), "see": ("saw", "seen"), "seek": ("sought",), "set": ("set",), "show": ("showed", "shown"),
    "shrink": ("shrank", "shrunk"), "speak": ("spoke", "spoken"), "stand": ("stood",), "take": ("took", "taken"),
    "teach": ("taught",), "tell": ("told",), "think": ("thought",), "understand": ("understood",), "win": ("won",),
    "write": ("wrote", "written"), "cut": ("cut",), "put": ("put",), "beat": ("beat", "beaten"),
    "hide": ("hid", "hidden"),
    "be": ("was", "were", "been", "is", "are"), "have": ("had", "has"), "overfit": ("overfit", "overfitted"),
}  # fmt: skip
_DOUBLED = ("plan", "permit", "stop", "drop", "fit", "rid", "refer", "occur", "infer", "commit", "omit", "split", "rob")
_BACK = {form: verb for verb, forms in _IRREGULAR.items() for form in forms}


def forms(verb: str) -> dict[str, tuple[str, ...]]:
    """The forms of an English verb, which may have a particle: `bear out`."""
    head, _, rest = verb.partition(" ")
    rest = f" {rest}" if rest else ""
    twice = head + head[-1] if head in _DOUBLED else head
    third = (
        f"{head[:-1]}ies"
        if re.search(r"[^aeiou]y$", head)
        else head + ("es" if re.search(r"(?:s|x|ch|sh|o)$", head) else "s")
    )
    past = f"{head}d" if head.endswith("e") else f"{head[:-1]}ied" if re.search(r"[^aeiou]y$", head) else f"{twice}ed"
    gerund = f"{head[:-1]}ing" if re.search(r"[^eoy]e$", head) else f"{twice}ing"
    found = {"": (head,), "s": (third,), "ed": _IRREGULAR.get(head, (past,)), "ing": (gerund,)}
    return {name: tuple(f"{f}{rest}" for f in each) for name, each in found.items()}


@cache
def stem(word: str) -> str:
    """A word without its endings, so that forms of one word and its near synonyms are the same."""
    word = _BACK.get(word, word)
    if len(word) > 3 and not word.endswith("ss"):
        word = re.sub(r"(?:ies|ied|y)$", "i", word)
        word = re.sub(r"(?<=[a-z]{3})(?:ing|ed|es|s|e)$", "", word)
        word = re.sub(r"e$", "", word) if len(word) > 3 else word
        word = re.sub(r"([bdfgmnprt])\1$", r"\1", word)
    return _synonyms().get(word, word)


@cache
def _synonyms() -> dict[str, str]:
    raw = {}
    for group in _source()["synonyms"]:
        first, *others = (_bare(w) for w in group.split())
        raw.update({other: first for other in others})
    return raw


def _bare(word: str) -> str:
    return word  # groups are written as stems


@cache
def _source() -> Any:
    return tomllib.loads(files("nightlab.papers.audit").joinpath("grammar.toml").read_text("utf-8"))


@cache
def lists() -> dict[str, frozenset[str]]:
    """The word classes by name."""
    return {name: frozenset(_items(text)) for name, text in _source()["words"].items()}


def _items(text: str) -> list[str]:
    return [item.strip().replace("_", " ") for item in text.split()]


@cache
def _classes() -> dict[str, str]:
    found = {name: _either(_items(text)) for name, text in _source()["words"].items()}
    for name, text in _source()["verbs"].items():
        every = [forms(verb) for verb in _items(text)]
        for form in ("", "s", "ed", "ing"):
            key = f"{name}.{form}" if form else name
            found[key] = _either([f for each in every for f in each[form]])
        found[f"{name}.any"] = _either([f for each in every for group in each.values() for f in group])
    for name, text in _source()["phrases"].items():
        found[name] = f"(?:{_expanded(text, found)})"
    return found


def _either(items: list[str]) -> str:
    return "(?:" + "|".join(sorted(map(re.escape, set(items)), key=len, reverse=True)) + ")"


def _expanded(pattern: str, classes: dict[str, str]) -> str:
    pattern = re.sub(r"\s*\n\s*", "", pattern)
    return re.sub(r"(?<!\?P)<([a-z_]+(?:\.[a-z]+)?)>", lambda m: classes[m[1]], pattern)


@cache
def pattern(name: str) -> re.Pattern[str]:
    """A pattern of the section [patterns], or a class of words as a pattern of its own."""
    source = _source()["patterns"].get(name)
    if source is None:
        return re.compile(rf"(?<![\w-]){_classes()[name]}(?![\w-])")
    return re.compile(_expanded(source, _classes()))


@cache
def licences() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """The kinds of statement that a free sentence may make, each with the shape of its clause."""
    every = _source()["licences"]
    return tuple((each["kind"], re.compile(_expanded(each["shape"], _classes()))) for each in every)


def has(name: str, text: str) -> bool:
    """Whether a text holds a pattern."""
    return bool(pattern(name).search(text))


def bare_words(text: str) -> str:
    """A text in small letters without punctuation, contractions written out."""
    text = text.replace("’", "'").casefold()
    text = re.sub(r"n't\b", " not", text.replace("can't", "can not").replace("won't", "will not"))
    text = text.replace("cannot", "can not")
    return " ".join(re.findall(r"[\w@]+(?:['-][\w@]+)*", text))
