"""What models cost, and the limits on it. A call counts with an estimate from before it is made until it is settled."""

from __future__ import annotations

import functools
import re
import threading
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nightlab.agents.chat.protocol import Message, NoAnswer
from nightlab.agents.chat.settings import ModelSettings
from nightlab.agents.documents import AdaptedParameter, Fallback
from nightlab.experiments.ledger.calls import Answer, Call
from nightlab.experiments.ledger.documents.search import Allowance
from nightlab.experiments.ledger.ledger import Ledger
from nightlab.experiments.numbers import plural

PER_MILLION = 1e-6
LEAST_ANSWER = 64  # tokens; a budget with less room than this for an answer is at its end
MOST_REASONS = 5
UNKNOWN_COST = ("timeout", "connection")  # what such a call cost is not told: its estimate stands


@dataclass(frozen=True, kw_only=True)
class Price:
    """USD per million tokens."""

    tokens_in: float
    tokens_cached: float
    tokens_out: float

    def of(self, tokens_in: int, tokens_cached: int, tokens_out: int) -> float:
        fresh = tokens_in - tokens_cached
        usd = fresh * self.tokens_in + tokens_cached * self.tokens_cached + tokens_out * self.tokens_out
        return usd * PER_MILLION


FREE = Price(tokens_in=0.0, tokens_cached=0.0, tokens_out=0.0)


@functools.cache
def listed() -> Mapping[str, Mapping[str, float]]:
    """The price table that ships with nightlab, by the model's name."""
    return tomllib.loads((Path(__file__).parent / "prices.toml").read_text())


def price_of(name: str, own: Mapping[str, Mapping[str, float]]) -> Price | None:
    """The price of a model such as "openai:gpt-4.1-mini", the user's own table first; None if none is known.

    A dated version ("gpt-4.1-mini-2025-04-14") costs what its model costs.
    """
    bare = name.partition(":")[2]
    for table in (own, listed()):
        for key in (name, bare, re.sub(r"[-@]?20\d\d-?\d\d-?\d\d$", "", bare)):
            if row := table.get(key):
                return Price(tokens_in=row["in"], tokens_cached=row.get("cached", row["in"]), tokens_out=row["out"])
    return None


IMAGE_TOKENS = 1500  # of an image, about as many as providers count for one of this size


def estimated(messages: Sequence[Message], schema_text: str) -> int:
    """Tokens of a prompt, rather too many than too few: two and a half bytes of text a token."""
    size = sum(len(message.text.encode("utf-8", "replace")) for message in messages) + len(schema_text)
    images = sum(len(message.images) for message in messages)
    return size * 2 // 5 + 8 * len(messages) + IMAGE_TOKENS * images + 16


class Meter:
    """Counts the calls of a study against its limits, over all roles and sessions."""

    def __init__(self, settings: ModelSettings, ledger: Ledger) -> None:
        self._limits = (settings.tokens, settings.usd)
        self._ledger = ledger
        self._lock = threading.Lock()
        self._tokens, self._usd = 0, 0.0
        for call in ledger.calls.all():
            tokens, usd = counted(call)
            self._tokens += tokens
            self._usd += usd

    def claim(self, call: Call, tokens_in: int, max_tokens: int, price: Price) -> tuple[Call, int]:
        """Claim a call; with it the tokens that its answer may have. Raises NoAnswer at a budget's end."""
        with self._lock:
            room = min(max_tokens, self._room(tokens_in, price))
            if room < min(LEAST_ANSWER, max_tokens):
                raise NoAnswer(self._ended())
            tokens, usd = tokens_in + room, price.of(tokens_in, 0, room)
            claimed = replace(call, tokens_estimated=tokens, usd_estimated=usd)
            claimed = replace(claimed, id=self._ledger.calls.claim(claimed))
            self._tokens += tokens
            self._usd += usd
        return claimed, room

    def settle(self, call: Call, answer: Answer) -> None:
        self._ledger.calls.settle(call.id, answer)
        tokens, usd = counted(replace(call, answer=answer))
        with self._lock:
            self._tokens += tokens - call.tokens_estimated
            self._usd += usd - call.usd_estimated

    def _room(self, tokens_in: int, price: Price) -> int:
        """Tokens that an answer may still have."""
        tokens, usd = self._limits
        room = tokens - self._tokens - tokens_in if tokens else 10**9
        if usd:
            left = usd - self._usd - price.of(tokens_in, 0, 0)
            each = price.tokens_out * PER_MILLION
            room = min(room, int(left / each)) if each else room if left >= 0 else 0
        return room

    def _ended(self) -> str:
        tokens, usd = self._limits
        limit = " and ".join([*([f"{tokens} tokens"] * bool(tokens)), *([f"{usd:g} USD"] * bool(usd))])
        reason = (
            f"the budget for models ({limit}) has no room for this call: {self._tokens} tokens, {self._usd:.4f} USD"
        )
        self._ledger.put(Allowance(note=f"{reason}; the offline agents go on alone"), "models")
        return reason


def counted(call: Call) -> tuple[int, float]:
    """Tokens and USD that a call counts with: its estimate while nothing better is known."""
    answer = call.answer
    if answer is None or answer.outcome in UNKNOWN_COST:
        return call.tokens_estimated, call.usd_estimated
    return answer.tokens_in + answer.tokens_out, answer.usd


def usage(ledger: Ledger) -> dict[str, Any]:
    """The `usage` of `nightlab run --json`; calls that were not settled count as calls, without tokens."""
    calls = ledger.calls.all()
    answers = [call.answer for call in calls if call.answer]
    return {
        "calls": len(calls),
        "tokens_in": sum(a.tokens_in for a in answers),
        "tokens_out": sum(a.tokens_out for a in answers),
        "tokens_cached": sum(a.tokens_cached for a in answers),
        "usd": round(sum(a.usd for a in answers), 6),
        "fallbacks": len(ledger.all(Fallback)),
        "reasons": reasons(ledger)[:MOST_REASONS],
        "adapted": [each.note for each in ledger.all(AdaptedParameter).values()],
    }


def reasons(ledger: Ledger) -> list[dict[str, Any]]:
    """Why the offline agents stood in, by role: reason and number of steps, the most frequent first."""
    counts = Counter((each.role, each.reason) for each in ledger.all(Fallback).values())
    return [{"role": role, "reason": reason, "steps": n} for (role, reason), n in counts.most_common()]


def usage_lines(ledger: Ledger) -> list[str]:
    """The same in words, with what ended the budget; nothing where no model was asked."""
    used = usage(ledger)
    if not used["calls"]:
        return []
    cached = 100 * used["tokens_cached"] / used["tokens_in"] if used["tokens_in"] else 0.0
    line = (
        f"models {plural(used['calls'], 'call')}, {used['tokens_in']} tokens in ({cached:.0f} % cached),"
        f" {used['tokens_out']} out, {used['usd']:.4f} USD; {plural(used['fallbacks'], 'step')} by the offline agents"
    )
    first = {row["role"]: row for row in reversed(used["reasons"])}  # the most frequent one of each role
    notes = [
        f"no answer of the {role}'s model for {plural(r['steps'], 'step')}: {r['reason']}" for role, r in first.items()
    ]
    ended = [each.note for each in ledger.all(Allowance).values() if each.note]
    return [line, *(f"note   {note}" for note in [*used["adapted"], *notes, *ended])]
