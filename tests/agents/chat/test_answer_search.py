"""What of a model's text counts as its answer: what fits and comes last, never what it thought aloud."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from pydantic import BaseModel, Field

from nightlab.agents.chat.answer_parsing import Unreadable, parsed


class Record(BaseModel):
    title: str
    score: float = 0


class Lenient(BaseModel):
    """As a proposed change: nothing must be there."""

    strategy: str = ""
    edits: list[dict[str, str]] = Field(default_factory=list)


class Text(BaseModel):
    text: str


class Notes(BaseModel):
    notes: list[Record]


class Program(BaseModel):
    code: str
    caption: str = ""


DRAFT = '{"title": "a draft"}'
GOOD = '{"title": "the real one", "score": 3}'
EDIT = '{"strategy": "s", "edits": [{"file": "a.py", "search": "[x", "replace": "print(\\"</think>\\")\\n}"}]}'
THOUGHTS = (
    "Perhaps {draft}? No.\n</think>\n\n{answer}",
    "Perhaps\n```json\n{draft}\n```\nNo.\n</think>\n```json\n{answer}\n```",
    "<think>a</think><think>{draft}</think>{answer}",
    "<think>\nit could be {draft}\n</think>\n{answer}",
    "<thinking>Perhaps {draft}</thinking>\n{answer}",
    '<Thinking mode="long">Perhaps {draft}</Thinking >\n{answer}',
    "<REASONING>{draft} [1]</REASONING>\n{answer}",
    "<seed:think>{draft}</seed:think>{answer}",
    "[THINK]{draft}[/THINK]{answer}",
    "◁think▷{draft}◁/think▷{answer}",
    "<|begin_of_thought|>{draft}<|end_of_thought|>\n<|begin_of_solution|>{answer}<|end_of_solution|>",
    "<|START_THINKING|>{draft}<|END_THINKING|><|START_RESPONSE|>{answer}<|END_RESPONSE|>",
    "<|channel|>analysis<|message|>{draft}<|end|><|start|>assistant<|channel|>final<|message|>{answer}<|return|>",
    "analysisWe need {draft}.assistantfinal{answer}",
    "```thinking\nPerhaps {draft}\n```\n{answer}",
    "<analysis>\n```json\n{draft}\n```\n</analysis>\n\n<answer>{answer}</answer>",
)
ALOUD = (  # without a mark that closes, as only JSON can stand it
    "I think of {draft}, [1] and [2, 3] and {{a, b}}; so: {answer}",
    "<think>Perhaps {draft}? No, rather\n{answer}",
    "<|channel|>analysis<|message|>{draft} no. {answer}<|call|>",
    'As [Smith, 2020] shows {{x: 1}} in 5" tubes {draft}\n```json5\n{answer}\n```\nI hope that this helps [1].',
    'The form is {draft}. What I answer: {answer}\nIt needs no {{}} and no [] and no {{"other": 1}}.',
)


def filled(text: str, draft: str, answer: str) -> str:
    return text.replace("{draft}", draft).replace("{answer}", answer).replace("{{", "{").replace("}}", "}")


@pytest.mark.parametrize("text", [*THOUGHTS, *ALOUD])
def test_a_draft_is_no_answer(text: str) -> None:
    assert parsed(Record, filled(text, DRAFT, GOOD)) == Record(title="the real one", score=3)


@pytest.mark.parametrize("text", [*THOUGHTS, *ALOUD])
def test_edits_are_read_whatever_stands_in_them(text: str) -> None:
    draft = '{"strategy": "one word", "edits": []}'
    (edit,) = parsed(Lenient, filled(text, draft, EDIT)).edits
    assert edit == {"file": "a.py", "search": "[x", "replace": 'print("</think>")\n}'}


@pytest.mark.parametrize("text", THOUGHTS)
def test_prose_begins_after_the_reasoning(text: str) -> None:
    assert parsed(Text, filled(text, "one <b>way</b>", "Valleys [1] are deep.")).text == "Valleys [1] are deep."
    record = json.dumps({"text": "Valleys are deep."})
    assert parsed(Text, filled(text, '{"text": "a draft"}', record)).text == "Valleys are deep."


@pytest.mark.parametrize("text", THOUGHTS)
def test_a_program_is_the_last_one(text: str) -> None:
    program = "```python\nprint({'a': [1]})\n```"
    answer = filled(text.replace("```json\n{answer}\n```", "{answer}"), "\n```python\ndraft()\n```\n", program)
    assert parsed(Program, answer).code == "print({'a': [1]})"


@pytest.mark.parametrize("text", ["```python\na()\n```\nor rather\n```\nb()\n```", '{"code": "a()"}\n```py\nb()\n```'])
def test_of_two_programs_the_last_one_counts(text: str) -> None:
    assert parsed(Program, text).code == "b()"


@pytest.mark.parametrize("text", THOUGHTS)
@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ('{"title": "the re', "middle of its JSON"),
        ('{"title": "the real one", "score": ', "middle of its JSON"),
        ('{"title": 5}', "title: Input should be a valid string"),
        ('{"title": "the real one", "score": 1.2.3}', "cannot be read"),
        ("", "nothing but reasoning"),
    ],
)
def test_no_draft_takes_the_place_of_an_answer_that_will_not_do(text: str, answer: str, told: str) -> None:
    with pytest.raises(Unreadable, match=told):
        parsed(Record, filled(text, DRAFT, answer))


@pytest.mark.parametrize(
    "text", [f"Perhaps {DRAFT}. So:\n" + '{"title": 5}', f'{DRAFT} {{"title": "a", "score": "high"}}']
)
def test_a_whole_answer_that_does_not_fit_is_told(text: str) -> None:
    with pytest.raises(Unreadable, match="Input should be"):
        parsed(Record, text)


def test_a_thought_that_goes_on_after_its_draft_holds_no_answer() -> None:
    with pytest.raises(Unreadable, match="nothing but reasoning"):
        parsed(Record, f"<think>Perhaps {DRAFT}? I have to think about it more")


@pytest.mark.parametrize(
    ("shape", "text", "expected"),
    [
        (Record, '{"title": "a",}', Record(title="a")),
        (Record, '{"title": "a", // its name\n "score": 2, /* of ten */ }', Record(title="a", score=2)),
        (Record, '{"title": "\\d+ // \\"x\\", ]"}', Record(title='\\d+ // "x", ]')),
        (Record, '{"title": "a\nb"}', Record(title="a\nb")),
        (Record, '{"note": "never closed: {"title": "a"}', Record(title="a")),
        (Record, 'In JSON: {"title": "a"}{"other": {"title": "b"}}', Record(title="a")),
        (Notes, '[{"title": "a"}] for the list[] of [1]', Notes(notes=[Record(title="a")])),
        (Notes, '{"notes": []}', Notes(notes=[])),
        (Notes, "There is none: []", Notes(notes=[])),
        (Lenient, "{}", Lenient()),
        (Text, "It fell [1] by {fact:a.b}.", Text(text="It fell [1] by {fact:a.b}.")),
        (Text, "Here:\n```text\nIt fell.\n```", Text(text="It fell.")),
        (Text, "[Analysis]\nIt fell.", Text(text="[Analysis]\nIt fell.")),
        (Text, "The chain of <reasoning> was long.", Text(text="The chain of <reasoning> was long.")),
    ],
)
def test_what_is_clear_is_read(shape: type[BaseModel], text: str, expected: Any) -> None:
    assert parsed(shape, text) == expected


@pytest.mark.parametrize(
    "piece",
    [
        "[[[[{{{{",
        '{"',
        '{"a":',
        "[1]",
        '{"\\"',
        "[/*",
        '{"a": "x',
        '{"title": 3}',
        "<think>",
        "```py\n",
        "\\",
        "</",
        "[//",
        '{"a"//',
    ],
)
def test_an_answer_without_end_takes_no_time_without_end(piece: str) -> None:
    text = piece * (300_000 // len(piece))
    started = time.process_time()
    with pytest.raises(Unreadable):
        parsed(Record, text)
    assert time.process_time() - started < 5
