"""What in a model's text may be its answer: JSON, programs and prose behind whatever it thought aloud.

Reasoning comes in marks of many spellings or in none, and holds drafts of the answer. So the candidates are given from
the end, and marks only say where no answer can stand. One pass over the text, whatever it holds.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

NESTED = 200  # levels of brackets; what goes deeper is no answer
MOST = 200  # candidates, from the end
FENCE = re.compile(r"```[^\n`]*\n(.*?)(?:\n[ \t]*```|\Z)", re.DOTALL)
PROGRAM = re.compile(r"```(?:py\w*)?[ \t]*\n(?!\s*[{\[])(.*?)(?:\n[ \t]*```|\Z)", re.DOTALL | re.IGNORECASE)
TOKEN = re.compile(r"<[^<>\n]{1,60}>")  # of a chat template, or a tag

_THOUGHT = r"(?:think|thought|reason|reflect|analy[sz]|deliberat|ponder|scratch|brainstorm|monologue)"
_CLOSING = rf"""
    (?:[<◁][|｜]?(?:/|end|stop)|\[/)[^<>\[\]◁▷|｜\n]{{0,30}}?{_THOUGHT}[^<>\[\]◁▷|｜\n]{{0,30}}[|｜]?[>\]▷]
  | <\|channel\|>\s*final[^<>\n]{{0,60}}<\|message\|> | <channel\|> | \bassistantfinal
"""
_OPENING = rf"""
    ^[ \t]*(?:[<◁][|｜]?[^<>◁▷|｜/\s]{{0,30}}?{_THOUGHT}[^<>◁▷|｜\n]{{0,200}}[|｜]?[>▷] | \[think\w{{0,10}}\])
  | <\|channel\|>\s*(?:analysis|commentary)[^<>\n]{{0,60}}<\|message\|>
"""
_FENCED = rf"```[ \t]*{_THOUGHT}[^\n`]*\n.*?(?:\n[ \t]*```|(?P<endless>\Z))"
_MARK = re.compile(
    rf"(?P<closing>{_CLOSING}) | (?P<opening>{_OPENING}) | {_FENCED}",
    re.VERBOSE | re.IGNORECASE | re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Found:
    """The candidates of a text. broken: it ends in a JSON object that is not closed. aloud: nothing but reasoning."""

    candidates: tuple[tuple[int, str, bool], ...]  # place, text, whether it is JSON; the last one first
    prose: str
    broken: bool
    aloud: bool

    def values(self) -> Iterator[tuple[Any, str]]:
        """JSON as its value (MISSING where it cannot be read), a program as the field `code`; and the text of each."""
        for _, text, is_json in self.candidates:
            yield (loaded(text) if is_json else {"code": text}), text


MISSING: Any = object()


def found(text: str, programs: bool = False) -> Found:
    """What may be the answer in a text. programs: whether code in a fence is one, too."""
    spans, open_at = spanned(text, _end(text))
    starts = [start for start, _ in spans]

    def outside(place: int) -> bool:
        n = bisect_right(starts, place) - 1
        return n < 0 or spans[n][1] <= place

    begin, endless = 0, False
    for mark in _MARK.finditer(text):
        if outside(mark.start()):
            endless = mark["opening"] is not None or mark["endless"] is not None
            begin = begin if endless else mark.end()
    candidates = [(a, b, text[a:b], True) for a, b in spans if a >= begin]
    if programs:
        fences = (m for m in PROGRAM.finditer(text, begin) if outside(m.start()))
        candidates += [(m.start(), m.end(), m[1], False) for m in fences]
    if endless:  # a thought that was never closed: what ends it may be the answer, what stands in it is none
        last = max(candidates, default=(0, 0, "", True))
        candidates = [last] if last[1] and not TOKEN.sub("", text[last[1] :]).strip("`. \t\r\n") else []
    prose = "" if endless else _prose(text[begin:])
    return Found(
        candidates=tuple((a, body, is_json) for a, _, body, is_json in sorted(candidates, reverse=True)[:MOST]),
        prose=prose,
        broken=open_at >= begin,
        aloud=bool(text.strip()) and not prose and not candidates,
    )


def _end(text: str) -> int:
    """Where a text ends but for the fence and the tags that close it."""
    end = len(text)
    for _ in range(8):
        end = len(text[:end].rstrip("` \t\r\n"))
        if (tag := TOKEN.fullmatch(text, max(0, text.rfind("<", 0, end)), end)) is None:
            break
        end = tag.start()
    return end


def _prose(text: str) -> str:
    """A text without the tokens and the fence or tag about it."""
    body = re.sub(r"<\|[^<>|]{1,40}\|>", "", text).strip()
    if fences := FENCE.findall(body):
        return str(fences[-1])
    wrapped = re.fullmatch(r"<(\w{1,40})>(.*)</\1>", body, re.DOTALL)
    return wrapped[2].strip() if wrapped else body


# JSON within a text

_TOKEN = re.compile(
    r"""(?P<space>\s++ | //[^\n]{0,500}+ | /\*[^*]{0,500}\*/)
      | (?P<string>"(?:[^"\\]++|\\.)*+")
      | (?P<scalar>-?\d[\d.eE+-]*+ | true | false | null | NaN | -?Infinity)
      | (?P<bracket>[{}\[\],:])""",
    re.VERBOSE | re.DOTALL,
)
_OPEN = re.compile(r"[{\[]")
_CLOSES = {"{": "}", "[": "]"}
_FIRST = {"{": "key", "[": "item"}  # what may come after an opening bracket, and after a comma
_AFTER = {
    ("key", "string"): "colon",
    ("colon", ":"): "value",
    **{(state, kind): "comma" for state in ("value", "item") for kind in ("string", "scalar")},
}
_MAY_CLOSE = ("key", "item", "comma")  # a comma before the closing bracket is overlooked


def spanned(text: str, end: int) -> tuple[list[tuple[int, int]], int]:
    """Where the JSON objects and lists of a text are, the outermost ones; and where one begins that its end cuts off,
    or -1. What is not JSON gives up all brackets about it, so that each is looked at once."""
    spans: list[tuple[int, int]] = []
    stack: list[str] = []
    at, begin, string_at, keyed, state = 0, 0, -1, False, ""
    while at < end:
        if not stack:
            if (opening := _OPEN.search(text, at, end)) is None:
                return spans, -1
            begin, at, string_at, keyed = opening.start(), opening.end(), -1, False
            stack, state = [opening[0]], _FIRST[opening[0]]
            continue
        token = _TOKEN.match(text, at, end)
        if token is None and text[at] == '"' and (state, "string") in _AFTER:
            break  # a string that never ends
        kind = (token.lastgroup or "") if token else ""
        symbol = text[at] if kind == "bracket" else kind
        if kind == "space":
            pass
        elif (state, symbol) in _AFTER:
            state = _AFTER[state, symbol]
            keyed = keyed or symbol == ":"
        elif symbol in _CLOSES and state in ("value", "item") and len(stack) < NESTED:
            stack.append(symbol)
            state = _FIRST[symbol]
        elif symbol == "," and state == "comma":
            state = _FIRST[stack[-1]]
        elif symbol == _CLOSES[stack[-1]] and state in _MAY_CLOSE:
            stack.pop()
            state = "comma"
            if not stack:
                spans.append((begin, at + 1))
        else:  # no JSON; the last string may be none either, but hold the beginning of some
            stack, at = [], string_at + 1 if string_at >= 0 else at
            continue
        if kind != "space":
            string_at = at if kind == "string" else -1
        at = token.end() if token else at + 1
    return spans, begin if stack and keyed else -1


_REPAIRED = re.compile(
    r"""(?P<string>"(?:[^"\\]++|\\.)*+")
      | ,(?=(?:\s|//[^\n]*+|/\*[^*]{0,500}\*/)*+[}\]])
      | //[^\n]*+ | /\*[^*]{0,500}\*/""",
    re.VERBOSE | re.DOTALL,
)


def loaded(text: str) -> Any:
    """A JSON text as its value, MISSING where it is none. Overlooked are commas before a closing bracket, comments, and
    backslashes that escape nothing."""
    for candidate in (text, _REPAIRED.sub(lambda m: _escaped(m["string"] or ""), text)):
        try:
            return json.loads(candidate, strict=False)
        except (ValueError, RecursionError):
            continue
    return MISSING


def _escaped(string: str) -> str:
    return re.sub(r"\\(u[0-9a-fA-F]{4}|[\"\\/bfnrt])?", lambda m: m[0] if m[1] else r"\\", string)
