"""Which trial was the first of its kind, for many kinds in little memory."""

from __future__ import annotations

from array import array
from bisect import bisect_left

MASK = 2**64 - 1


class FirstSeen:
    """The number of the first trial with each key, an integer of which 64 bits count; 16 bytes each."""

    def __init__(self) -> None:
        self._keys, self._numbers = array("Q"), array("q")  # side by side, sorted by key

    def add(self, key: int, number: int) -> int:
        """The number of the first trial with this key: an earlier one's, or this."""
        place = self._place(key)
        if key not in self:
            self._keys.insert(place, key & MASK)
            self._numbers.insert(place, number)
        return self._numbers[place]

    def __contains__(self, key: int) -> bool:
        place = self._place(key)
        return place < len(self._keys) and self._keys[place] == key & MASK

    def _place(self, key: int) -> int:
        return bisect_left(self._keys, key & MASK)
