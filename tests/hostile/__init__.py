"""Programs and documents that try to break out, and what must happen to them."""

from __future__ import annotations

import os

import pytest

ROOT = os.geteuid() == 0
# One level a user in the gate, where the tests run as root and so as both; the others by `make hostile`.
OTHERS = [pytest.mark.long] if ROOT else []
USERS_AND_LEVELS = [
    ("root", "S3"),
    ("ordinary", "S2"),
    pytest.param("root", "S2", marks=OTHERS),
    pytest.param("ordinary", "S3", marks=OTHERS),
]
