"""Inline mathematics: a subset of TeX's, parsed whole, so that what it lets through always compiles."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nightlab.papers.latex.escape import MATH

_NAMES = """
alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi rho sigma tau upsilon
phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega
pm mp times cdot div leq le geq ge neq ne approx equiv sim propto infty in notin subset subseteq cup cap emptyset
forall exists neg wedge vee to leftarrow rightarrow leftrightarrow Rightarrow uparrow downarrow
sum prod int partial nabla circ ast prime ldots dots cdots ell langle rangle mid Vert top perp quad
log ln exp sin cos tan tanh min max arg sup inf lim Pr det dim
"""
_SYMBOLS = frozenset(_NAMES.split())
_ARGUMENTS = {"sqrt": 1, "mathrm": 1, "mathbf": 1, "mathit": 1, "mathcal": 1, "operatorname": 1, "frac": 2}
_ARGUMENTS |= dict.fromkeys(("hat", "bar", "tilde", "vec", "overline", "underline"), 1)
_PLAIN = frozenset("+-*/=<>()[]|,.;:! ")
_SPACES = frozenset((r"\,", r"\;", r"\:", r"\!", r"\%", r"\{", r"\}", r"\|"))
_TOKEN = re.compile(r"\{fact:([^{}\s]+)\}|\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|.", re.DOTALL)


class FormulaError(ValueError):
    """A formula outside the subset; the message says what is wrong."""


@dataclass(frozen=True)
class Formula:
    """LaTeX in pieces: even ones are LaTeX, odd ones are ids of facts. numerals: bare numbers that it holds."""

    pieces: tuple[str, ...]
    numerals: tuple[str, ...]

    @property
    def facts(self) -> tuple[str, ...]:
        return self.pieces[1::2]


def formula(source: str) -> Formula:
    """Parse what stands between two dollar signs.

    Whole numbers of one or two digits are part of a name as a subscript or superscript; any other is a bare numeral.
    Raises FormulaError.
    """
    parser = _Parser(source)
    parser.sequence(closing=None)
    return Formula(tuple(parser.pieces), tuple(parser.numerals))


class _Parser:
    def __init__(self, source: str) -> None:
        self.tokens = [(m[0], m[1]) for m in _TOKEN.finditer(source)]
        self.at = 0
        self.pieces = [""]
        self.numerals: list[str] = []
        self.depth = 0

    def peek(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def put(self, latex: str) -> None:
        self.pieces[-1] += latex

    def sequence(self, closing: str | None, *, script: bool = False) -> None:
        while (token := self.peek()) and token != closing:
            self.atom(script=script)
            self.scripts()
        if closing and not token:
            raise FormulaError("a brace is not closed")

    def scripts(self) -> None:
        seen = set()
        while (token := self.peek()) in ("^", "_"):
            if token in seen:
                raise FormulaError(f"two {token} follow one symbol")
            seen.add(token)
            self.at += 1
            self.put(token)
            self.argument(script=True)

    def argument(self, *, script: bool = False) -> None:
        token = self.peek()
        if token in ("", "^", "_", "}", " "):
            raise FormulaError("an argument is missing")
        self.put("{")
        if token == "{":
            self.group(script=script)
        else:
            self.atom(script=script)
        self.put("}")

    def group(self, *, script: bool) -> None:
        self.at += 1
        self.depth += 1
        if self.depth > 20:
            raise FormulaError("it is nested too deeply")
        self.sequence("}", script=script)
        self.at += 1
        self.depth -= 1

    def atom(self, *, script: bool) -> None:
        token, fact = self.tokens[self.at]
        if token == "{":
            self.put("{")
            self.group(script=script)
            self.put("}")
            return
        self.at += 1
        if fact:
            self.pieces += [fact, ""]
        elif token[0].isdecimal() and token.isascii():
            if not (script and len(token) <= 2):
                self.numerals.append(token)
            self.put(token)
        elif token.startswith("\\"):
            self.command(token)
        elif token in MATH:
            self.put(f"{MATH[token]} ")
        elif (token.isascii() and token.isalpha()) or token in _PLAIN:
            self.put(token)
        elif token in ("^", "_"):
            self.at -= 1
            self.put("{}")  # a script without a base
        else:
            raise FormulaError(f"{token!r} is not allowed in a formula")

    def command(self, token: str) -> None:
        name = token[1:]
        if name in _SYMBOLS:
            self.put(f"{token} ")
        elif name in _ARGUMENTS:
            self.put(token)
            for _ in range(_ARGUMENTS[name]):
                while self.peek() == " ":
                    self.at += 1
                self.argument()
        elif token in _SPACES:
            self.put(token)
        else:
            raise FormulaError(f"the command {token!r} is not allowed in a formula")
