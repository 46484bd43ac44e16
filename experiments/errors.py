"""Errors that a user can do something about; the message says what."""

from __future__ import annotations


class NightlabError(Exception):
    """exit_code: what the command line ends with."""

    exit_code = 3  # the study can be resumed
