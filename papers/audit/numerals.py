"""Numbers in any form: digits of any script, Roman ones, letters that pose as digits, and English words.

English number words are few stems and few endings, so they are built here and not listed.
"""

from __future__ import annotations

import re
from functools import cache

from nightlab.papers.audit.grammar import lists

_ONES = ("three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = ("ten", "eleven", "twelve", *(f"{s}teen" for s in ("thir", "four", "fif", "six", "seven", "eigh", "nine")))
_TENS = tuple(f"{s}ty" for s in ("twen", "thir", "for", "fif", "six", "seven", "eigh", "nine"))
_SCALES = ("dozen", "hundred", "thousand", "million", "billion", "trillion", "myriad", "googol", "gross", "lakh")
_ORDINALS = (
    *("fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth", "umpteenth", "nth"),
    *(f"{t}th" for t in (*_TEENS[3:], "hundred", "thousand", "million", "billion")),
    *(f"{t[:-1]}ieth" for t in _TENS),
)
_LATIN = ("singl", "doubl", "tripl", "trebl", "quadrupl", "quintupl", "sextupl", "septupl", "octupl", "decupl")
_GREEK = ("du", "tri", "quart", "quint", "sext", "sept", "oct", "non", "dec", "pent", "hex", "tetr", "quadr")
_PHRASES = re.compile(
    r"\b(?:per cent|per mill?e|orders? of magnitude|factors? of|a (?:score|gross|lot|number|share|fraction|bit) of"
    r"|(?:lots|scores) of"
    r"|times (?:as|the|more|less|fewer|lower|higher|smaller|larger|better|worse)|(?:the|by) square"
    r"|every (?:other|second|last)|(?:odds|chances) (?:are|of|were)|bulk of|all but|second[- ](?:best|worst)"
    r"|the square root|\be\b|halfway"
    r"|(?:almost|nearly|about) (?:all|none|every))\b"
)
_ROMAN = re.compile(r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
_TERMS = re.compile(  # words that name no amount although a number is in them
    r"\b(?:(?:one|two)-(?:sided|tailed|sample|way|hot)|one another|(?:one|two)-?hot|half[- ](?:precision|normal)"
    r"|single[- ](?:precision|blind)|double[- ](?:blind|descent|precision)|(?:first|second|zeroth|third)[- ]order"
    r"|third[- ]part(?:y|ies)|zero[- ](?:mean|shot)|at once|for once|all at once|once (?:the|it|a|they|this|that)"
    r"|at first|in the first place|on the one hand|on second thought|no one|one (?:may|might|could|can) ask"
    r"|[LlFf][12](?= (?:penalty|norm|loss|score|regularisation|regularization))|to the contrary)\b",
    re.IGNORECASE,
)


@cache
def _words() -> re.Pattern[str]:
    ones, tens = "|".join(_ONES), "|".join(_TENS)
    plain = "|".join(
        (*_ONES, *_TEENS, *_TENS, *(f"{s}s?" for s in _SCALES), *(f"{o}s?" for o in _ORDINALS), *lists()["parts"])
    )
    built = (
        rf"(?:{tens})[- ]?(?:one|two|{ones}|first|second|third|{'|'.join(_ORDINALS)})",
        rf"(?:{'|'.join(_LATIN[1:])})(?:e|es|ed|ing|y|et|ets|icate)",
        rf"(?:{'|'.join(_GREEK)})(?:tets?|ets?|ettes?|upl\w+|rupl\w+)",
        r"\w+[- ]?fold",
        r"\w+[- ]tupled?",
        rf"(?:{plain})(?:-\w+)+",
        rf"(?:\w+-)+(?:{plain})",
        r"\w+-digit",
        r"two-(?:thirds|fifths|\w+ths|fold|digit)",
    )
    return re.compile(rf"\b(?:{plain}|{'|'.join(built)})\b")


def named(text: str) -> str:
    """The text without the terms that hold a number and name no amount, such as `two-sided`."""
    return _TERMS.sub(" ", text)


def numeral(text: str) -> str:
    """The first number that a text holds in any form; empty if it holds none."""
    text = named(text)
    word: str
    for word in re.findall(r"[^\s,;:()\[\]\"“”]+", text):
        bare = word.strip(".!?'’-–—")
        if any(c.isnumeric() for c in bare):
            return word
        if len(bare) > 1 and bare.isupper() and (_ROMAN.fullmatch(bare) or set(bare) <= set("OIl")):
            return word
        if re.search(r"[%‰‱°±×÷=≈∞½]", word) or re.fullmatch(r"[lIO|][lIO|.]+", bare):
            return word
    low = text.casefold()
    found = _PHRASES.search(low) or _words().search(low)
    return str(found[0]) if found else ""
