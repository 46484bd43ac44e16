"""Images in a question: how they go to a provider, what they count, and that a call is known by them."""

from __future__ import annotations

import base64

from nightlab.agents.chat.protocol import Message, Question
from nightlab.agents.chat.providers import asked, content
from nightlab.agents.chat.usage import IMAGE_TOKENS, estimated

SHOWN = Message(role="user", text="What is drawn here?", images=(b"\x89PNG one", b"\x89PNG two"))


def test_a_text_alone_stays_a_text() -> None:
    assert content(Message(role="user", text="Hello.")) == "Hello."


def test_images_follow_the_text_that_speaks_of_them() -> None:
    first, *others = content(SHOWN)
    assert first == {"type": "text", "text": "What is drawn here?"}
    sent = [base64.b64decode(part["image_url"]["url"].partition("base64,")[2]) for part in others]  # type: ignore[index]
    assert sent == [*SHOWN.images]


def test_a_server_without_a_system_role_gets_them_too() -> None:
    question = Question(
        role="reviewer",
        stage="s",
        messages=(Message(role="system", text="Look."), SHOWN),
        schema={},
        title="T",
        mode="schema",
        max_tokens=100,
        adapted={"system": True},
    )
    (merged,) = asked(question)
    assert merged.images == SHOWN.images
    assert merged.text.startswith("Look.")


def test_an_image_counts_in_the_window() -> None:
    bare = Message(role="user", text=SHOWN.text)
    assert estimated([SHOWN], "") == estimated([bare], "") + 2 * IMAGE_TOKENS
