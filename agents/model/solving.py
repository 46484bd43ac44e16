"""The solver: a language model that answers what a template's judge asks in the name of its candidate."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from nightlab.agents.chat.models import Chat, NoAnswer, TooLong, Unusable
from nightlab.agents.chat.settings import QUESTION, SOLVER
from nightlab.agents.documents import Fallback
from nightlab.agents.model.prompts import render
from nightlab.agents.telling.disclosure import shown
from nightlab.experiments.errors import NightlabError
from nightlab.experiments.ledger.ledger import Ledger

KINDS: dict[str, Any] = {"text": str, "number": float, "integer": int, "boolean": bool}


class Unsolved(NightlabError):
    """The model will answer no more questions: a limit is reached, or nothing can be had of its server."""

    exit_code = 3


class Asked(BaseModel):
    """A judge's question, as `candidate.ask` sends it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: str = Field(min_length=1)
    form: dict[str, Literal["text", "number", "integer", "boolean"]] = Field(min_length=1)
    system: str = ""
    temperature: float | None = Field(default=None, ge=0, le=2)


class ModelSolver:
    """See `nightlab.experiments.executors.executor.Solver`. Answers that were paid for before a kill are used again."""

    def __init__(self, chat: Chat, ledger: Ledger) -> None:
        self.name = shown(chat.name)
        self._chat, self._ledger = chat, ledger

    def answer(self, run: int, number: int, question: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Raises Unsolved where no model answers any more, and pydantic's ValidationError for what is no question."""
        asked = Asked.model_validate(question)
        shape = _shape(tuple(asked.form.items()))
        prompt = render("solver", system=asked.system, prompt=asked.prompt, form=asked.form)
        stage = f"{QUESTION}{run}, question {number}"
        try:
            found = self._chat.ask(shape, prompt, stage=stage, corrections=0, temperature=asked.temperature)
        except (Unusable, TooLong) as error:
            self._ledger.put(Fallback(role=SOLVER, stage=stage, reason=error.reason), f"{SOLVER} {stage}")
            return None
        except NoAnswer as error:
            raise Unsolved(
                f"the model that the judge asks answers no more: {error.reason}; nightlab resume goes on once it does,"
                " and a fork may have larger --tokens or --usd"
            ) from None
        return found.model_dump(by_alias=True)


@lru_cache(maxsize=64)
def _shape(form: tuple[tuple[str, str], ...]) -> type[BaseModel]:
    """A model of an answer. Its fields have names of their own, since a judge may choose any."""
    fields = {f"value_{n}": (KINDS[kind], Field(alias=name)) for n, (name, kind) in enumerate(form)}
    return create_model("Answer", **fields)  # type: ignore[call-overload, no-any-return]
