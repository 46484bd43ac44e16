"""What may keep a study from being worked on."""

from __future__ import annotations

from nightlab.experiments.errors import NightlabError


class StudyError(NightlabError):
    """A study that cannot go on; the message says what to do."""


class OtherData(StudyError):
    """A preparation that gives other data than before for the same seed."""


class BaselineError(StudyError):
    """A template whose own version does not run: it is at fault, and no resume would help."""

    exit_code = 2


class NoStudy(StudyError):
    """A folder that holds no study."""

    exit_code = 2


class NoTrial(StudyError):
    """A number that no trial of the study has."""

    exit_code = 2
