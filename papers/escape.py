"""Any text as LaTeX: nothing that is printed can command the engine or stop it."""

from __future__ import annotations

import re
import unicodedata

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
\varphi \chi \psi \omega \Gamma \Delta \Theta \Lambda \Xi \Pi \Sigma \Upsilon \Phi \Psi \Omega \epsilon \vartheta \phi
"""
_SIGN_NAMES = r"""
- \pm \mp \times \cdot \div \leq \geq \neq \approx \equiv \sim \propto \infty \in \notin \subset \subseteq \cup \cap
\emptyset \forall \exists \neg \wedge \vee \to \leftarrow \leftrightarrow \Rightarrow \Leftarrow \Leftrightarrow
\uparrow \downarrow \sum \prod \int \surd \partial \nabla \circ \cdot \ast \prime \ldots \ell \langle \rangle \Vert \mid
"""
_GREEK = dict(zip("αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩϵϑϕ", _GREEK_NAMES.split(), strict=True))
_SIGNS = dict(zip("−±∓×·÷≤≥≠≈≡∼∝∞∈∉⊂⊆∪∩∅∀∃¬∧∨→←↔⇒⇐⇔↑↓∑∏∫√∂∇∘⋅∗′…ℓ⟨⟩‖∣", _SIGN_NAMES.split(), strict=True))
MATH = _GREEK | _SIGNS  # what these characters are inside a formula
_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n", strict=True))
_LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋", "0123456789+-", strict=True))
_TOFU = r"\tofu{}"  # the preamble's sign for a character that the fonts lack
_LONG = 24  # a word of this length that has no place to break gets some


def escape(text: str) -> str:
    """`text` as LaTeX that prints it, with typographic quotes; control characters are dropped."""
    return "".join(_char(c) for c in _breakable(_curly(_clean(text)), "/–-"))


def escape_code(text: str) -> str:
    """`text` as LaTeX that prints it letter by letter, and may break after a punctuation mark."""
    plain = {"'": r"\textquotesingle{}", '"': r"\textquotedbl{}", "-": "{-}", "`": r"\textasciigrave{}"}
    pieces = (plain.get(c) or _char(c) for c in _breakable(_clean(text), "_./=,:;+-"))
    return re.sub(r"(\\_|\{-\}|[./=,:;+])", r"\1\\allowbreak{}", "".join(pieces))


def ascii_only(text: str) -> str:
    """`text` for where LaTeX's own commands cannot go: PDF metadata and bookmarks."""
    return re.sub(r"[^A-Za-z0-9 .,:;()/+=-]+", "", unicodedata.normalize("NFKD", _clean(text)))


def _clean(text: str) -> str:
    """Composed, white space single, without control, format (bidi marks among them) and private characters."""
    text = unicodedata.normalize("NFC", re.sub(r"[^\S\u2009]+", " ", text))
    return "".join(c for c in text if unicodedata.category(c)[0] != "C")


def _curly(text: str) -> str:
    text = re.sub(r'(^|[\s(\[–—-])"', r"\1“", text).replace('"', "”")
    return re.sub(r"(^|[\s(\[–—-])'", r"\1‘", text).replace("'", "’").replace("`", "‘")


def _breakable(text: str, joints: str) -> str:
    """Long runs without a joint get places to break, by a sign that `_char` knows and `_clean` has dropped before."""
    return re.sub(rf"[^\s{joints}]{{{_LONG},}}", lambda m: "\u200c".join(re.findall(r".{1,8}", m[0])), text)


def _char(c: str) -> str:
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
    bare = "".join(b for b in unicodedata.normalize("NFKD", c) if b != c and not unicodedata.combining(b))
    return "".join(_char(b) for b in bare) or ("" if unicodedata.combining(c) else _TOFU)
