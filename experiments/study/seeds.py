"""The seeds of a study: drawn from its own seed with a key that no run knows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from nightlab.experiments.ledger.documents.study import ForkOrigin
from nightlab.experiments.study.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Seeds:
    """key: 32 hexadecimal digits; empty in a study of an early version. fork: the trial that it started from."""

    seed: int
    key: str
    fork: str = ""

    @classmethod
    def of_study(cls, settings: Settings, origin: ForkOrigin | None) -> Seeds:
        return cls(seed=settings.seed, key=settings.key, fork=f"{origin.study}:{origin.trial}/" if origin else "")

    def of(self, purpose: str, replicate: int) -> int:
        """The seed of a purpose's n-th replicate: the same for every candidate, and never shared by two purposes.

        It tells nobody without the study's key what it is for.
        """
        return int.from_bytes(self._drawn(f"{self.fork}{purpose}/{replicate}")[:4], "big") >> 1

    @property
    def data(self) -> int:
        """The seed of the preparation, 128 bits that nobody can guess; a fork with seed and key has the same data."""
        return self.draw("prepare") if self.key else self.seed

    def draw(self, name: str) -> int:
        """The seed of a draw of the data."""
        return int.from_bytes(self._drawn(name)[:16], "big")

    def _drawn(self, words: str) -> bytes:
        text, key = f"{self.seed}/{words}".encode(), bytes.fromhex(self.key)
        # a study of an earlier version has no key, and keeps its seeds
        return hashlib.blake2b(text, key=key).digest() if key else hashlib.sha256(text).digest()
