"""What a run says of its metrics: the last word on each, whatever stands around it, in bounded memory.

A metric's own line is the clearest: `name: 0.3`. Where there is none, the last mention within a line counts. A mention
that comes after the own line and says something else makes the last word unclear: whoever reads it must not guess.
"""

from __future__ import annotations

import math
import re
import signal
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

LINE, NAMES = 1 << 20, 256  # bytes of a line at most; metrics at most that nobody asked for
PATIENCE = 1.0  # s of processor time that a pattern may take for what is read at once
SHOWN = 200  # characters of a line that is quoted
_BEFORE = 80  # characters before a mention that say what it is of: a line has as many mentions as its author likes

_BREAKS = bytes.maketrans(b"\r\b\v\f", b"\n\n\n\n")  # a terminal starts to write over the line: a new one for us
_COLOUR = re.compile(rb"\x1b(?:\[[0-9;:]*m|[ -/][ -~]|\][^\a\n\x1b]*(?:\a|\x1b\\))")  # and what shows as little
_MOVE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*)?[0-~]")
_OWN_LINE = re.compile(
    r"^[ \t\ufeff]*([A-Za-z][A-Za-z0-9_]{0,63})[ \t]*[:=][ \t]*(\S(?:[^\n]{0,98}\S)?)[ \t]*$", re.MULTILINE
)
_DRESS = " \t\ufeff\u200b\"'`*|\u2502\u2503>#({[<-\u2022"  # around a name, without meaning
_SEPARATOR = r"[ \t]*(?P<sep>[:=|\u2502\u2503\u2248~]+>?|->|\u2192)[ \t\"'`*]*|[ \t]+"
_DIGITS = r"[-+\u2212]?\.?\d(?:[^\s|\u2502\u2503;)\]}\"'`\u00b1(,]|,(?=\d)){0,80}"
_GROUPS = r"[-+\u2212]?\d{1,3}(?:['\u2019 \u00a0\u2009\u202f]\d{3}\b)+"
_ON = rf"[ \t]*(?:[*x\u00d7\u00b7][ \t]*(?=10)|->|\u2192|\.\.)[ \t]*{_DIGITS}"  # makes it another number, or two
_NUMBER = rf"{_GROUPS}|{_DIGITS}(?:{_ON}|(?(list)[,\t ]+{_DIGITS}|(?!)))?|[-+\u2212]?(?:nan|inf(?:inity)?)\b"
_VALUE = rf"(?P<list>[A-Za-z_][\w.]{{0,30}}\(|[\[(])?(?P<value>{_NUMBER})"
_WORD = r"[ \t]*(?P<is>[:=])[ \t\"'`*]*(?P<word>[^\s,;|)\]}\"'`]{1,64})(?=[\"'`*]*[ \t]*(?:$|[,;|)\]}]|[\w.]+[:=]))"
_UNIT = re.compile(r"[ \t]([A-Za-z\u00b5\u03bc\u00b0%/\u00b2\u00b3^]{1,12})[ \t]*(?=$|[,;|()\[\]\u00b1])", re.MULTILINE)
_NOT_FINITE = re.compile(r"[-+]?(nan|inf(inity)?)\b.*", re.IGNORECASE)
_FINITE = re.compile(r"([-+]?[\d.,]*\d\.?(?:[eE][-+]?\d+)?)( ?\D.*|)")
_WORD_BEFORE = re.compile(r"(?<!\S)([^\W\d_]+)[ \t]+$")


class Readings:
    """Feed it what is read; `words` are the metrics as they were printed.

    names: the metrics that count. spelt: those that are said by other names. takes: what is taken of all that is said
    of a metric where that is not the last: mean, min or max. pattern: an expression for a line, with one group for the
    first of the names, or a group for each by its name. unclear: what counts and has a later line that may say
    otherwise. near: lines that may have been meant.
    """

    def __init__(
        self,
        names: Sequence[str],
        pattern: str = "",
        spelt: Mapping[str, str] = MappingProxyType({}),
        takes: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.words: dict[str, str] = {}
        self.unclear: dict[str, str] = {}
        self.near: dict[str, str] = {}
        self.slow = False  # whether the pattern was given up
        self._pattern = re.compile(pattern) if pattern else None
        groups = self._pattern.groupindex if self._pattern else {}
        self._groups = groups or ({names[0]: 1} if self._pattern else {})
        self._names = frozenset(names)
        self._said = {name: spelt.get(name, name) for name in names if name not in self._groups}
        self._mentions = {name: _mention(said) for name, said in self._said.items()}
        self._own_names = {said: name for name, said in self._said.items()}
        self._series = {name: Series(take) for name, take in takes.items()}
        anywhere = "|".join(map(_spelt, self._said.values()))
        self._any = re.compile(anywhere, re.IGNORECASE) if anywhere else None
        self._own: set[str] = set()  # the names that had a line of their own
        self._rest = b""

    def feed(self, data: bytes) -> None:
        head, end, self._rest = (self._rest + data.translate(_BREAKS)).rpartition(b"\n")
        if end:
            self._read(head)
        if len(self._rest) > LINE:
            self._pass_over()

    def finish(self) -> None:
        """The last line may have no end."""
        self.feed(b"\n")
        self.words |= {name: series.word for name, series in self._series.items() if series.count}

    def report(self) -> dict[str, Any]:
        passed = {name: series.passed for name, series in self._series.items() if series.passed}
        return {"words": self.words, "unclear": self.unclear, "near": self.near, "slow": self.slow, "passed": passed}

    def _pass_over(self) -> None:
        """A line without an end: what it says of a metric is not known, only that it says something."""
        for name, said in self._said.items():
            if re.search(_spelt(said).encode(), self._rest, re.IGNORECASE):
                self.unclear[name] = f"a line of more than {LINE} bytes"
        self._rest = self._rest[-SHOWN:]

    def _read(self, data: bytes) -> None:
        data = data.replace(b"\0", b"")
        if b"\x1b" in data:
            data = _MOVE.sub(b"\n", _COLOUR.sub(b"", data))
        text = data.decode(errors="replace")
        if self._pattern and not self.slow:
            self._match(text)
        for part in text.split("\n") if self._series else (text,):
            self._look(part)

    def _look(self, text: str) -> None:
        """What a text says last of each metric, and what else stands on a line of its own."""
        own = {}
        for match in _OWN_LINE.finditer(text):
            if name := self._own_names.get(match[1]):
                own[name] = match
            elif match[1] not in self._names and (match[1] in self.words or len(self.words) < NAMES):
                self.words[match[1]] = match[2]
        if self._any and self._any.search(text):
            for name in self._mentions:
                self._take(name, text, own.get(name))

    def _take(self, name: str, text: str, own: re.Match[str] | None) -> None:
        """What a text says last of a metric. own: the last line of its own, which may say no number."""
        said = list(self._mentions[name].finditer(text))
        clear = doubtful = None
        for found in reversed(said):
            before = text[max(0, found.start() - _BEFORE) : found.start()].rpartition("\n")[2]
            if (found["sep"] or found["is"]) and len(before) < _BEFORE and not before.strip(_DRESS):
                clear = found
                break
            if doubtful is None and not _of_another(found["name"], before):
                doubtful = found
        if own and (not said or _start(text, own) > _start(text, said[-1])):
            self._keep(name, own[2], own[0], own=True)
            return
        for mention in (clear, doubtful):
            if mention:
                self._keep(name, _number(mention), _line(text, mention), own=mention is clear)
        if said and not (clear or doubtful):
            self.near[name] = _line(text, said[-1])

    def _keep(self, name: str, word: str, line: str, *, own: bool) -> None:
        self.near[name] = line
        if name in self._series:
            self._series[name].add(word)
        elif own or name not in self._own:
            self.words[name] = word
            self.unclear.pop(name, None)
            if own:
                self._own.add(name)
        elif not _alike(self.words[name], word):
            self.unclear[name] = line
        else:
            self.unclear.pop(name, None)

    def _match(self, text: str) -> None:
        """By the pattern, line by line; one that takes too long for what was read is given up."""
        signal.signal(signal.SIGVTALRM, _stop)
        signal.setitimer(signal.ITIMER_VIRTUAL, PATIENCE)
        try:
            assert self._pattern
            for line in text.split("\n"):
                for match in self._pattern.finditer(line.rstrip()):
                    said = {n: match[g].strip()[:64] for n, g in self._groups.items() if match[g] is not None}
                    for name in said.keys() & self._series.keys():
                        self._series[name].add(said.pop(name))
                    self.words |= said
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        except TimeoutError:
            self.slow = True


class Series:
    """What is taken of the numbers that a run says of one metric, as a word: with the last one's unit.

    passed: how many values were passed over, being no finite numbers.
    """

    def __init__(self, take: str) -> None:
        self.count, self.passed, self._value, self._unit, self._take = 0, 0, 0.0, "", take

    def add(self, word: str) -> None:
        """One more; what is no finite number is passed over, but a mean over it is none either."""
        if (match := _FINITE.fullmatch(word)) and math.isfinite(value := float(match[1].replace(",", ""))):
            before = self._value if self.count else value
            self.count, self._unit = self.count + 1, match[2]
            picked = {"min": min(before, value), "max": max(before, value)}
            self._value = picked.get(self._take, before + (value - before) / self.count)
        elif _NOT_FINITE.fullmatch(word):
            self.passed += self._take != "mean"
            if self._take == "mean":
                self._value, self.count = math.nan, self.count + 1

    @property
    def word(self) -> str:
        return f"{self._value!r}{self._unit}"


def _spelt(name: str) -> str:
    """A metric's name with its words apart, as people write it."""
    return r"[ \t_-]{0,2}".join(re.escape(word) for word in re.split(r"[_\s]+", name))


def _mention(name: str) -> re.Pattern[str]:
    aside = r"[\"'`*]{0,3}(?:[ \t]*(?:\([^()\n]{0,40}\)|\[[^\[\]\n]{0,40}\]))?[\"'`*\]]{0,3}"
    said = rf"(?:(?:{_SEPARATOR}){_VALUE}|{_WORD})"
    return re.compile(rf"(?<![\w/.-])(?P<name>{_spelt(name)})(?!\w){aside}{said}", re.IGNORECASE | re.MULTILINE)


def _of_another(name: str, before: str) -> bool:
    """Whether the words before a name are a part of the label: `balanced accuracy` is another metric."""
    word = _WORD_BEFORE.search(before)
    return bool(word) and "_" not in name and not (word[1].isupper() and not name.isupper())  # type: ignore[index]


def _number(found: re.Match[str]) -> str:
    if found["word"]:
        return found["word"]
    value = found["value"].rstrip(".,:!*").replace("\u2212", "-")
    unit = _UNIT.match(found.string, found.end())
    return f"{value} {unit[1]}" if unit else value


def _start(text: str, found: re.Match[str]) -> int:
    """Where the line starts that something was found in."""
    return text.rfind("\n", 0, found.start()) + 1


def _line(text: str, found: re.Match[str]) -> str:
    return text[_start(text, found) :].partition("\n")[0][:SHOWN]


def _alike(full: str, short: str) -> bool:
    """Whether the second may be the first, rounded as it is printed."""
    try:
        return round(float(full), len(short.partition(".")[2])) == float(short)
    except ValueError:
        return full == short


def _stop(*_: object) -> None:
    raise TimeoutError
