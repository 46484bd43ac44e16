"""The first of each kind, as a dictionary would tell it."""

from __future__ import annotations

import random

from nightlab.experiments.first_seen import FirstSeen


def test_it_tells_what_a_dictionary_tells() -> None:
    dice, firsts, known = random.Random(0), FirstSeen(), dict[int, int]()
    for number in range(2000):
        key = dice.randrange(-500, 500) * 2**48
        assert (key in firsts) == (key in known)
        assert firsts.add(key, number) == known.setdefault(key, number)
    assert all(key in firsts for key in known)
    assert 1 not in firsts
