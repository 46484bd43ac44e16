"""What servers say when they do not serve, and what comes of it."""

from __future__ import annotations

from typing import Any

import pytest

from nightlab.agents.chat.call_failures import failure

SENT = {"max_tokens": 4096, "temperature": 0.7, "tools": [], "tool_choice": "required"}


class ServerError(Exception):
    """As the providers' clients raise it."""

    def __init__(self, message: str, status: int = 400, **body: Any) -> None:
        super().__init__(f"Error code: {status} - {message}")
        self.status_code = status
        self.body = {"message": message, **body}


@pytest.mark.parametrize(
    ("message", "window"),
    [
        ("This model's maximum context length is 8192 tokens. However, your messages resulted in 10,000 tokens.", 8192),
        ("Your input exceeds the context window of this model. Please adjust your input and try again.", 0),
        (
            "This model's maximum context length is 131,072 tokens. However, you requested 140,000 tokens (135,904 in"
            " the messages, 4,096 in the completion). Please reduce the length of the messages or completion.",
            131072,
        ),
        (
            "'max_tokens' or 'max_completion_tokens' is too large: 4096. This model's maximum context length is 8192"
            " tokens and your request has 5000 input tokens (4096 > 8192 - 5000).",
            8192,
        ),
        ("request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it", 4096),
        (
            "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context"
            " length of only 4096 tokens, which is not enough.",
            4096,
        ),
        ("`inputs` must have less than 4095 tokens. Given: 5000", 4095),
        (
            "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
            32768,
        ),
        ("too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 4300.", 4081),
        ("prompt is too long: 210000 tokens > 200000 maximum", 200000),
        ("input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease input length", 200000),
        (
            "Unable to submit request because the input token count is 40 000 but model only supports up to 32 768.",
            32768,
        ),
        ("The input (5000 tokens) is longer than the model's context length (4096 tokens).", 4096),
        ("Invalid request: Your request exceeded model token limit: 8192", 8192),
        ("Current length is 9000 while limit is 8192. Please reduce the length of the messages.", 8192),
        ("the input length exceeds the context length", 0),
        ("Input is too long for requested model.", 0),
    ],
)
def test_a_prompt_that_is_too_long_is_known_by_any_words(message: str, window: int) -> None:
    found = failure(ServerError(message), SENT)
    assert (found.outcome, found.window) == ("window", window)


@pytest.mark.parametrize(
    ("message", "status", "body"),
    [
        ("no", 400, {"code": "context_length_exceeded"}),
        ("no", 400, {"type": "exceed_context_size_error", "n_ctx": 4096}),
        ("no", 413, {"code": "tokens_limit_reached"}),
        ("Request too large for m on tokens per minute (TPM): Limit 6000, Requested 7000", 429, {"code": "rate"}),
        ("input length exceeds maximum context length", 500, {}),
    ],
)
def test_a_prompt_that_is_too_long_is_known_by_its_code(message: str, status: int, body: dict[str, Any]) -> None:
    assert failure(ServerError(message, status, **body), SENT).outcome == "window"


def test_an_error_that_is_a_text_beside_its_code_is_read() -> None:
    error = ServerError("")
    error.body = {
        "code": "invalid",
        "error": "This model's maximum prompt length is 131,072 but it has 140,000 tokens.",
    }
    told = failure(error, SENT)
    assert (told.outcome, told.window) == ("window", 131072)


@pytest.mark.parametrize(
    ("message", "body", "parameter", "instead"),
    [
        (
            "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead.",
            {"code": "unsupported_parameter", "param": "max_tokens"},
            "max_tokens",
            "max_completion_tokens",
        ),
        ("Unrecognized request argument supplied: max_tokens", {}, "max_tokens", "max_completion_tokens"),
        (
            "max_tokens is too large: 4096. This model supports at most 2,048 completion tokens, whereas you provided"
            " 4096.",
            {"param": "max_tokens"},
            "max_tokens",
            2048,
        ),
        ("Invalid max_tokens value, the valid range of max_tokens is [1, 2048]", {}, "max_tokens", 2048),
        (
            "`max_tokens` must be less than or equal to `1024`, the maximum value for `max_tokens` is less than the"
            " `context_window` for this model",
            {},
            "max_tokens",
            1024,
        ),
        (
            "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) value is"
            " supported.",
            {"param": "temperature", "code": "unsupported_value"},
            "temperature",
            "",
        ),
        (
            "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
            {"param": "messages[0].role"},
            "system",
            True,
        ),
        ("Conversation roles must alternate user/assistant/user/assistant/...", {}, "system", True),
        (
            "This model only support stream mode, please enable the stream parameter to access the model.",
            {},
            "stream",
            True,
        ),
    ],
)
def test_a_parameter_that_a_server_does_not_take_is_named_with_the_mend(
    message: str, body: dict[str, Any], parameter: str, instead: object
) -> None:
    found = failure(ServerError(message, **body), SENT)
    assert (found.outcome, found.parameter, found.instead) == ("parameter", parameter, instead)


@pytest.mark.parametrize(
    "message",
    [
        "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
        "tool choice is not supported by this model",
        "Invalid schema for response_format 'R': In context=(), 'required' is required to be supplied",
    ],
)
def test_a_way_to_ask_for_structure_that_is_not_known_is_no_fault(message: str) -> None:
    assert failure(ServerError(message), SENT).outcome == "mode"


@pytest.mark.parametrize(
    ("message", "status", "body", "lasting", "mend"),
    [
        ("Incorrect API key provided", 401, {}, True, "NIGHTLAB_API_KEY"),
        ("The model `gtp` does not exist or you do not have access to it.", 404, {}, True, "--model"),
        ("model 'toolace' not found", 404, {}, True, "--model"),
        ("Unknown model: gtp", 400, {}, True, "--model"),
        ("404 page not found", 404, {}, True, "--base-url"),
        ("Method Not Allowed", 405, {}, True, "--base-url"),
        ("You exceeded your current quota", 429, {"code": "insufficient_quota"}, True, "credit"),
        ("Insufficient Balance", 402, {}, True, "credit"),
        ("Your credit balance is too low to access the API", 400, {}, True, "credit"),
        ("The request was malformed", 400, {}, False, "nightlab resume"),
    ],
)
def test_what_only_the_user_can_mend_is_told_with_the_mend(
    message: str, status: int, body: dict[str, Any], lasting: bool, mend: str
) -> None:
    found = failure(ServerError(message, status, **body), SENT)
    assert (found.outcome, found.lasting) == ("denied", lasting)
    assert mend in found.mend
    assert message in found.reason


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ("Rate limit reached: 10 requests per minute", 429),
        ("You exceeded your current quota, please check your plan and billing details. Please retry in 32s.", 429),
        ("The server had an error while processing your request. Sorry about that!", 500),
        ("Model is overloaded; the queue is at its maximum size", 503),
    ],
)
def test_weather_stays_weather(message: str, status: int) -> None:
    assert failure(ServerError(message, status), SENT).outcome == "busy"


def test_an_error_within_a_good_answer_has_its_own_status() -> None:
    assert failure(ValueError({"message": "slow down", "code": 429})).outcome == "busy"
    assert failure(ValueError({"message": "Invalid key", "code": 401})).lasting


def test_what_is_no_completion_points_to_the_address() -> None:
    found = failure(ValueError("Expected a dict, got str: '<html>'"))
    assert (found.outcome, "/v1" in found.mend) == ("connection", True)
