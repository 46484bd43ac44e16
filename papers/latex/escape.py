"""Any text as LaTeX: nothing that is printed can command the engine or stop it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from anyascii import anyascii

# LaTeX's T1 and TS1 encodings print these as they are (utf8 input).
_NATIVE = frozenset(
    "¡£§«»¿¢¤¥¦¨©ª¬®¯°±²³´µ¶·¸¹º¼½¾×÷"
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿ"
    "ĂăĄąĆćČčĎďĐđĘęĚěĞğĹĺĽľŁłŃńŇňŐőŒœŔŕŘřŚśŞşŠšŢţŤťŮůŰűŸŹźŻżŽž"
    "–—‘’‚“”„†‡•…‰‹›€™"
)
_ASCII = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "\u2009": r"\,",
    "*": "{*}",  # a row's end would take it
    "[": "{[}",  # no optional argument, whatever stands before
    "]": "{]}",
}
_GREEK_NAMES = r"""
\alpha \beta \gamma \delta \varepsilon \zeta \eta \theta \iota \kappa \lambda \mu \nu \xi \pi \rho \sigma \tau \upsilon
\varphi \chi \psi \omega o \varsigma
\Gamma \Delta \Theta \Lambda \Xi \Pi \Sigma \Upsilon \Phi \Psi \Omega \epsilon \vartheta \phi
"""
_SIGN_NAMES = r"""
- \pm \mp \times \cdot \div \leq \geq \neq \approx \equiv \sim \propto \infty \in \notin \subset \subseteq \cup \cap
\emptyset \forall \exists \neg \wedge \vee \to \leftarrow \leftrightarrow \Rightarrow \Leftarrow \Leftrightarrow
\uparrow \downarrow \sum \prod \int \surd \partial \nabla \circ \cdot \ast \prime \ldots \ell \langle \rangle \Vert \mid
"""
_GREEK = dict(zip("αβγδεζηθικλμνξπρστυφχψωοςΓΔΘΛΞΠΣΥΦΨΩϵϑϕ", _GREEK_NAMES.split(), strict=True))
_SIGNS = dict(zip("−±∓×·÷≤≥≠≈≡∼∝∞∈∉⊂⊆∪∩∅∀∃¬∧∨→←↔⇒⇐⇔↑↓∑∏∫√∂∇∘⋅∗′…ℓ⟨⟩‖∣", _SIGN_NAMES.split(), strict=True))
_GREEK |= {greek: rf"\mathrm{{{latin}}}" for greek, latin in zip("ΑΒΕΖΗΙΚΜΝΟΡΤΧ", "ABEZHIKMNOPTX", strict=True)}
MATH = _GREEK | _SIGNS  # what these characters are inside a formula
_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n", strict=True))
_LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋", "0123456789+-", strict=True))
_HANGING = dict(zip("\u0326\u0327\u0328", "cck", strict=True))
_ABOVE = dict(zip("\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c", "`'^~=u.\"rHv", strict=True))
_BELOW = dict(zip("\u0323\u0331", "db", strict=True))
_ACCENTS = _HANGING | _ABOVE | _BELOW
_HATS = dict(zip("\u0300\u0301\u0304\u0306\u0308", ("grave", "acute", "bar", "breve", "ddot"), strict=True))  # in Greek
_TOFU = r"\tofu{}"  # the preamble's sign for a character that the fonts lack
_LONG = 24  # a word of this length that has no place to break gets some


def escape(text: str) -> str:
    """`text` as LaTeX that prints it, with typographic quotes; control characters are dropped.

    What the fonts have no letters for is spelt in Latin ones; `foreign` says what that is.
    """
    pieces = (_letter(c) for c in _letters(_breakable(_curly(_clean(text)), "/–-")))
    return re.sub("-(?=-)", "{-}", "".join(pieces))  # two hyphens are no dash


def foreign(text: str) -> dict[str, str]:
    """The words of `text` that are not printed in their own letters, and what is printed for them."""
    words = _clean(text).split()
    return {w: "".join(map(_spelt, _letters(w))) for w in words if any(_known(c) is None for c in _letters(w))}


def escape_code(text: str) -> str:
    """`text` as LaTeX that prints it letter by letter, and may break after a punctuation mark."""
    plain = {"'": r"\textquotesingle{}", '"': r"\textquotedbl{}", "-": "{-}", "`": r"\textasciigrave{}"}
    pieces = (plain.get(c) or _letter(c) for c in _letters(_breakable(_clean(text), "_./=,:;+-")))
    return re.sub(r"(\\_|\{-\}|[./=,:;+])", r"\1\\allowbreak{}", "".join(pieces))


def code(line: str) -> str:
    """A line of code as it stands, its spaces too."""
    parts = re.split(r"((?:^ | {2,}|\t)+)", line.expandtabs(4))
    return "".join(rf"\hspace*{{{len(p) * 0.525:.3f}em}}" if i % 2 else escape_code(p) for i, p in enumerate(parts))


def ascii_only(text: str) -> str:
    """`text` for where LaTeX's own commands cannot go: PDF metadata and bookmarks."""
    bare = re.sub(r"[^A-Za-z0-9 .,:;()/+=\-'\"?!*@<>|\[\]%&#_$]+", "", anyascii(_clean(text)))
    return re.sub(r"[%&#_$]", r"\\\g<0>", bare)


def utf16(text: str) -> str:
    """`text` as the hexadecimal digits of a string in a PDF, which no sign of it can end."""
    return f"\ufeff{_clean(text)}".encode("utf-16-be").hex().upper()


def _clean(text: str) -> str:
    """Composed, white space single, without control and format characters (bidi marks among them)."""
    text = unicodedata.normalize("NFC", re.sub(r"[^\S\u2009]+", " ", text))
    return "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf") and not "\ufe00" <= c <= "\ufe0f")


def _curly(text: str) -> str:
    text = re.sub(r'(^|[\s(\[–—-])"', r"\1“", text).replace('"', "”")
    return re.sub(r"(^|[\s(\[–—-])'", r"\1‘", text).replace("'", "’").replace("`", "‘")


def _breakable(text: str, joints: str) -> str:
    """Long runs without a joint get places to break, by a sign that `_char` knows and `_clean` has dropped before."""
    return re.sub(rf"[^\s{joints}]{{{_LONG},}}", lambda m: "\u200c".join(re.findall(r".{1,8}", m[0])), text)


def _letters(text: str) -> Iterator[str]:
    """Characters, each with the marks that combine with it."""
    if text.isascii():
        yield from text
        return
    start = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or not unicodedata.combining(text[end]):
            yield text[start:end]
            start = end


def _letter(c: str) -> str:
    known = _known(c)
    return "".join(_letter(a) if a.isascii() else _TOFU for a in _spelt(c)) if known is None else known


def _spelt(c: str) -> str:
    """A letter in Latin ones; a sign that has no such spelling as a box, a mark as nothing."""
    if _known(c) is not None:
        return c
    return "".join(anyascii(a) or ("" if unicodedata.category(a)[0] == "M" else "□") for a in c)


def _known(c: str) -> str | None:
    """What prints a letter as it is, or by its parts where it is a form of others; None if nothing does."""
    if c == "\u200c":
        return r"\allowbreak{}"
    if c in _ASCII:
        return _ASCII[c]
    if c in MATH:
        return rf"\ensuremath{{{MATH[c]}}}"
    if c.isascii() or c in _NATIVE:
        return c
    if c in _RAISED:
        return rf"\ensuremath{{^{{{_RAISED[c]}}}}}"
    if c in _LOWERED:
        return rf"\ensuremath{{_{{{_LOWERED[c]}}}}}"
    if len(whole := unicodedata.normalize("NFD", c)) > 1:
        return _marked(whole[0], whole[1:])
    forms = [_known(part) for part in unicodedata.normalize("NFKD", c) if part != c]
    return "".join(f for f in forms if f) if forms and None not in forms else None


def _marked(base: str, marks: str) -> str | None:
    """A letter with its marks: LaTeX sets what hangs on it first and what stands below it last."""
    if base in _GREEK and len(marks) == 1 and marks in _HATS:
        return rf"\ensuremath{{\{_HATS[marks]}{{{_GREEK[base]}}}}}"
    letter = _known(base)
    if letter is None or not base.isalpha() or base in MATH or not all(m in _ACCENTS for m in marks):
        return None
    if base in "ij" and any(m in _ABOVE for m in marks):
        letter = rf"\{base}"  # without its dot
    for mark in sorted(marks, key=lambda m: (m not in _HANGING) + (m in _BELOW)):
        letter = rf"\{_ACCENTS[mark]}{{{letter}}}"
    return letter
