"""LaTeX as plain text: what a bibliography holds of it, and nothing of it lost."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any

from pylatexenc.latex2text import (
    LatexNodes2Text,
    MacroTextSpec,
    SpecialsTextSpec,
    get_default_latex_context_db,
)
from pylatexenc.latexwalker import LatexWalker
from pylatexenc.latexwalker import get_default_latex_context_db as get_default_grammar
from pylatexenc.macrospec import std_macro

_HOOK = "\N{COMBINING HOOK ABOVE}"
_SIGNS = {"LaTeX": "LaTeX", "TeX": "TeX", "BibTeX": "BibTeX"}
_SIGNS |= {"ohorn": "ơ", "OHORN": "Ơ", "uhorn": "ư", "UHORN": "Ư", "slash": "/", "textquotesingle": "'"}
_SIGNS |= {"textless": "<", "textgreater": ">", "textbar": "|", "textquotedbl": '"', "noopsort": ""}


def plain(latex: str) -> str:
    """The text that LaTeX would print: accents composed, marks of style and braces gone, formulas in one line.

    A command that is not known leaves its arguments; a percent sign is one, since BibTeX knows no comments in a value.
    """
    escaped = re.sub(r"(?<!\\)((?:\\\\)*)([%&#])", r"\1\\\2", latex)
    if len(re.findall(r"(?<!\\)\$", escaped)) % 2:  # a price, and no formula
        escaped = re.sub(r"(?<!\\)\$", r"\\$", escaped)
    grammar, words = _language()
    try:
        nodes = LatexWalker(escaped, latex_context=grammar, tolerant_parsing=True).get_latex_nodes()[0]
        return clean(LatexNodes2Text(latex_context=words, math_mode="text").nodelist_to_text(nodes))
    except RecursionError:  # braces as deep as their author liked
        return clean(re.sub(r"[{}\\]", "", latex))


def address(value: str) -> str:
    """A DOI, an id or an address as it is meant: what LaTeX needs about its signs is taken off, and nothing else."""
    bare = re.sub(r"\\url\s*|[<>]$|^<", "", re.sub(r"\\([%&#_$~])(?:\{\})?", r"\1", value))
    return clean(re.sub(r"[{}\\]", "", bare))


def clean(text: str) -> str:
    """Composed, white space single, without control and format characters."""
    text = unicodedata.normalize("NFC", " ".join(text.split()))
    return "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf"))


@cache
def _language() -> tuple[Any, Any]:
    """What pylatexenc knows of LaTeX, and what it lacks for bibliographies."""
    grammar, words = get_default_grammar(), get_default_latex_context_db()
    grammar.add_context_category(
        "bibliography",
        macros=[std_macro("h", False, 1), std_macro("href", False, 2), std_macro("noopsort", False, 1)],
        prepend=True,
    )
    told = [MacroTextSpec(name, simplify_repl=text) for name, text in _SIGNS.items()]
    told += [
        MacroTextSpec("h", simplify_repl=lambda node, l2tobj: _hooked(l2tobj.node_arg_to_text(node, 0))),
        MacroTextSpec("href", simplify_repl=lambda node, l2tobj: l2tobj.node_arg_to_text(node, 1)),
        MacroTextSpec("url", discard=False),
    ]
    told += [MacroTextSpec(name, discard=False) for name in ("title", "author", "date", "item", "section")]
    words.add_context_category(
        "bibliography", macros=told, specials=[SpecialsTextSpec("&", simplify_repl="&")], prepend=True
    )
    words.set_unknown_macro_spec(MacroTextSpec("", discard=False))
    return grammar, words


def _hooked(text: str) -> str:
    return text[:1] + _HOOK + text[1:]
