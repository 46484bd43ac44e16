"""Why a folder cannot be adopted yet."""

from __future__ import annotations

from collections.abc import Sequence

from nightlab.experiments.errors import NightlabError


class AdoptionError(NightlabError):
    """Something is missing that must not be guessed. choices: what may be given in its place."""

    exit_code = 2

    def __init__(self, text: str, choices: Sequence[str] = ()) -> None:
        super().__init__("\n".join([text, *(f"  {choice}" for choice in choices)]))
        self.choices = tuple(choices)
