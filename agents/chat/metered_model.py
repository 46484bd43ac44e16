"""One model as its roles use it: metered, retried, left alone for a while, asked for structure in the way it knows."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from nightlab.agents.chat.breaker import Breaker
from nightlab.agents.chat.call_failures import AGAIN
from nightlab.agents.chat.protocol import (
    CallFailed,
    Connection,
    Instead,
    Message,
    NoAnswer,
    Parameters,
    Question,
    Reply,
    TooLong,
    Unusable,
)
from nightlab.agents.chat.recording import Recording
from nightlab.agents.chat.usage import FREE, Meter, Price, estimated
from nightlab.agents.documents import AdaptedParameter, AnswersIn, SentMessage, SentPrompt
from nightlab.agents.model.prompts import Prompt
from nightlab.experiments.errors import NightlabError
from nightlab.experiments.ledger.calls import Answer, Call
from nightlab.experiments.ledger.ledger import Ledger

CHECKED = ("ok", "invalid")  # answers that the checks have seen; they see them again when work goes on
TRANSIENT = ("timeout", "connection", "busy")
MOST_TIMEOUTS = 2  # for one question: a model that is too slow for it will be so again
TURNS = 12  # at most so many changes of mode and window for one question
UNMENDED = ("connection", "denied", "mode", "parameter")  # of a server that never answered: the user must mend it
CUT = "the answer was longer than the token limit; answer in fewer words"
CUT_KEPT = 2000  # characters of an answer that ran into the token limit, as the model is shown it again


class Refused(NightlabError):
    """A server that will not serve this user at all: a wrong key or an unknown model."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What the checks said of a reply. bare: the reply holds no JSON."""

    text: str
    reason: str  # "" where the reply will do
    bare: bool = False


Judge = Callable[[str], Judged]


class Access:
    """Access to one model. before: what was settled in earlier sessions. replay: a recording to play instead. served:
    whether it is known to answer.
    """

    def __init__(
        self,
        name: str,
        line: Connection,
        parameters: Parameters,
        *,
        ledger: Ledger,
        meter: Meter,
        price: Price | None,
        before: Recording,
        replay: Recording | None = None,
        record: bool = False,
        served: bool = False,
    ) -> None:
        self.name = name
        self._line = line
        self._parameters = parameters
        self._ledger = ledger
        self._meter = meter
        self._price = price or FREE
        self._before = before
        self._replay = replay
        self._record = record
        self._breaker = Breaker(parameters.failures, parameters.pause_s)
        self._window = parameters.context
        self._known = f"{name} {parameters.base_url}".strip()
        found = ledger.get(AnswersIn, self._known)
        self._mode = next((n for n, mode in enumerate(line.modes) if found and mode == found.structured), 0)
        self._sure = found is not None
        self._adapted: dict[str, Instead] = {
            each.parameter: each.instead for each in ledger.all(AdaptedParameter).values() if each.model == self._known
        }
        self.served = served or found is not None

    def turn(self, question: Question, prompt: Prompt, talk: Sequence[Message], judge: Judge) -> Judged:
        """One answer, checked; what was said before is in `talk`. Raises NoAnswer."""
        mode = self._mode
        for _ in range(TURNS):
            asked = replace(
                question,
                mode=self._line.modes[mode],
                timeout_s=self._parameters.timeout_s,
                adapted=self._adapted,
            )
            sized = self._sized(asked, prompt, talk)
            try:
                judged = self._retried(sized, prompt, judge)
            except CallFailed as error:
                if error.outcome == "mode" and mode + 1 < len(self._line.modes):
                    mode += 1
                elif error.outcome == "window":
                    self._narrow(sized, error.window)
                elif error.outcome == "parameter" and error.parameter not in sized.adapted:
                    self._adapt(error)
                elif not self.served and (error.lasting or error.outcome in UNMENDED):
                    where = f" at {self._parameters.base_url}" if self._parameters.base_url else ""
                    why = error.reason.rstrip(".")
                    raise Refused(f"model {self.name}{where}: {why}; {error.mend or AGAIN}") from None
                else:
                    raise NoAnswer(error.reason) from None
            else:
                self._learn(mode, judged)
                return judged
        raise NoAnswer("the server knows no way of asking that was tried")

    def _learn(self, mode: int, judged: Judged) -> None:
        """Keep the way of asking that brought JSON; leave one that the server overlooked."""
        self.served = True
        if self._sure or judged.reason == CUT:
            return
        self._mode = mode
        if not judged.bare:
            self._sure = True
            self._ledger.put(AnswersIn(structured=self._line.modes[mode]), self._known)
        elif mode + 1 < len(self._line.modes):
            self._mode = mode + 1

    def _adapt(self, error: CallFailed) -> None:
        """Ask otherwise from now on, in later sessions too."""
        if self._replay:
            return
        name = error.parameter
        instead: Instead = "" if error.instead in self._adapted else error.instead  # that name was refused before
        self._adapted = {**self._adapted, name: instead}
        match instead:
            case True:
                way = "otherwise"
            case "":
                way = "without it"
            case str():
                way = f"with {instead}"
            case _:
                way = f"with at most {instead}"
        note = f"{self.name} does not take {name} as it was sent ({error.reason}); it is asked {way}"
        adapted = AdaptedParameter(model=self._known, parameter=name, instead=instead, note=note)
        self._ledger.put(adapted, f"{self._known} {name}")

    @property
    def sees(self) -> bool:
        """Whether it takes images."""
        return self._parameters.images

    # The context window
    @property
    def room(self) -> int:
        """Characters of a text that a prompt has room for beside what else it says; no bound where none is known."""
        return max(1000, self._window * 2) if self._window else 10**9

    def _sized(self, question: Question, prompt: Prompt, talk: Sequence[Message]) -> Question:
        """The question with as many of the newest details as the context window holds."""
        longest = self._parameters.max_tokens
        if self._window:
            longest = min(longest, max(64, self._window // 3))
        details = prompt.details
        while True:
            left_out = len(prompt.details) - len(details)
            note = [f"({left_out} older items are left out here.)"] if left_out else []
            user = "\n\n".join([*note, *details, prompt.request])
            asked = Message(role="user", text=user, images=prompt.images)
            messages = (Message(role="system", text=prompt.system), asked, *talk)
            if not self._window or estimated(messages, _text(question)) + longest <= self._window:
                return replace(question, messages=messages, max_tokens=longest)
            if details:
                details = details[1:]
            elif talk:
                talk = talk[2:]
            else:
                raise TooLong(f"the prompt is longer than the context window of {self._window} tokens")

    def _narrow(self, question: Question, told: int) -> None:
        size = estimated(question.messages, _text(question)) + question.max_tokens
        self._window = told if 0 < told < min(size, self._window or size) else size * 3 // 4

    # Calls

    def _retried(self, question: Question, prompt: Prompt, judge: Judge) -> Judged:
        given = self._parameters
        usual = wait_random_exponential(multiplier=given.wait_s, max=given.longest_wait_s)

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.retry_after_s if isinstance(error, CallFailed) else None
            return min(given.longest_wait_s, max(asked or 0.0, usual(state)))

        timeouts: list[CallFailed] = []

        def passing(error: BaseException) -> bool:
            if isinstance(error, CallFailed) and error.outcome == "timeout":
                timeouts.append(error)
            transient = isinstance(error, CallFailed) and error.outcome in TRANSIENT and not error.lasting
            return transient and len(timeouts) < MOST_TIMEOUTS

        for attempt in Retrying(
            stop=stop_after_attempt(1 + given.retries),
            wait=(lambda _state: 0.0) if self._replay else wait,
            retry=retry_if_exception(passing),
            reraise=True,
        ):
            with attempt:
                return self._once(question, prompt, judge)
        raise AssertionError("tenacity either returns or raises")

    def _once(self, question: Question, prompt: Prompt, judge: Judge) -> Judged:
        call = self._call(question, prompt)
        if old := self._before.next(call):
            return _again(old, judge)
        if self._replay:
            recorded = self._replay.needed(call)
            claimed = replace(call, id=self._ledger.calls.claim(call))
            self._ledger.calls.settle(claimed.id, replace(recorded, tokens_in=0, tokens_cached=0, tokens_out=0, usd=0))
            return _again(recorded, judge)
        self._breaker.check()
        tokens_in = estimated(question.messages, _text(question))
        claimed, room = self._meter.claim(call, tokens_in, question.max_tokens, self._price)
        if self._record:
            sent = tuple(SentMessage(role=message.role, text=message.text) for message in question.messages)
            kept = SentPrompt(role=question.role, stage=question.stage, messages=sent)
            self._ledger.put(kept, str(claimed.id))
        return self._sent(claimed, replace(question, max_tokens=room), judge)

    def _sent(self, call: Call, question: Question, judge: Judge) -> Judged:
        started = time.monotonic()
        try:
            reply = self._line.send(question)
            reply = replace(reply, text=reply.text.encode("utf-8", "replace").decode())  # no half characters
        except CallFailed as error:
            self._breaker.failed(error)
            spent = time.monotonic() - started
            self._meter.settle(call, Answer(outcome=error.outcome, reason=error.reason, latency_s=round(spent, 3)))
            raise
        self._breaker.worked()
        judged = _judged(reply, judge)
        outcome = reply.outcome if reply.outcome != "ok" else "invalid" if judged.reason else "ok"
        reply = self._counted(reply, question)
        answer = Answer(
            outcome=outcome,
            reason=judged.reason,
            text=reply.text if outcome in CHECKED or self._record else "",
            tokens_in=reply.tokens_in,
            tokens_cached=reply.tokens_cached,
            tokens_out=reply.tokens_out,
            usd=self._price.of(reply.tokens_in, reply.tokens_cached, reply.tokens_out),
            latency_s=round(time.monotonic() - started, 3),
        )
        self._meter.settle(call, answer)
        if outcome == "refused":
            raise Unusable(judged.reason)
        return judged

    def _counted(self, reply: Reply, question: Question) -> Reply:
        """The reply with tokens by estimate where the server counts none."""
        if reply.tokens_in or reply.tokens_out:
            return reply
        tokens_out = min(question.max_tokens, -(-len(reply.text) // 3))
        return replace(reply, tokens_in=estimated(question.messages, _text(question)), tokens_out=tokens_out)

    def _call(self, question: Question, prompt: Prompt) -> Call:
        text = "\x00".join(message.text for message in question.messages).encode("utf-8", "replace")
        text += b"".join(image for message in question.messages for image in message.images)
        return Call(
            role=question.role,
            stage=question.stage,
            attempt=0,
            model=self.name,
            prompt=prompt.name,
            version=prompt.version,
            hash=hashlib.sha256(text).hexdigest()[:16],
            tokens_estimated=0,
            usd_estimated=0.0,
        )


def _judged(reply: Reply, judge: Judge) -> Judged:
    """Only an answer in whole goes to the checks."""
    match reply.outcome:
        case "refused":
            return Judged(text="", reason=f"the model refused: {reply.reason}" if reply.reason else "the model refused")
        case "empty":
            return Judged(text="", reason="the answer was empty")
        case "cut":
            return Judged(text=reply.text[:CUT_KEPT], reason=CUT)
        case _:
            return judge(reply.text)


def _again(answer: Answer, judge: Judge) -> Judged:
    """What a call that was settled earlier brought."""
    if answer.outcome in CHECKED:
        return judge(answer.text)
    if answer.outcome in ("empty", "cut"):
        return Judged(text=answer.text, reason=answer.reason)
    if answer.outcome == "refused":
        raise Unusable(answer.reason)
    raise CallFailed(answer.outcome, answer.reason)  # type: ignore[arg-type]


def _text(question: Question) -> str:
    return json.dumps(question.schema)
