"""Names of authors in a line, and what a list of references makes of them.

A line reads "Given Family". What must stay together, such as a family name of several words, a body or a Jr., is joined
by no-break spaces, so that nobody has to guess again. A particle ("van der") begins in lower case and with it the
family's name.
"""

from __future__ import annotations

import re

from pybtex.database import Person

from nightlab.papers.literature.untex import plain

OTHERS = "others"  # in BibTeX the last of a list that goes on

_HELD = "\N{NO-BREAK SPACE}"
_LETTER = re.compile(r"[^\W\d_][\u0300-\u036f]*")


def line(person: Person) -> str:
    """A person or body of a bibliography in a line."""
    given, particles, family, lineage = (
        [text for name in names if (text := plain(name))]
        for names in (
            person.first_names + person.middle_names,
            person.prelast_names,
            person.last_names,
            person.lineage_names,
        )
    )
    if any(not p[0].islower() for p in particles):  # in braces: nobody would find them again
        particles, family = [], [*particles, *family]
    return " ".join([*(held(g) for g in given), *particles, held(" ".join([*family, *lineage]))]).strip()


def single(person: Person) -> bool:
    """Whether this is one name, and not several that are joined as BibTeX does not know it."""
    kinds = ("first", "middle", "prelast", "last", "lineage")
    words = (word for kind in kinds for word in person.get_part(kind) if not word.startswith("{"))
    return not any(re.fullmatch(r".*;.*|and|\\?&", word, re.IGNORECASE) for word in words)


def held(words: str) -> str:
    """Words as one name, such as a body's."""
    return words.replace(" ", _HELD)


def _split(name: str) -> tuple[list[str], list[str], str]:
    """Given names, particles, and the family's name with what holds it together."""
    words = [word for word in name.split(" ") if word] or ["Anonymous"]
    start = next((i for i, word in enumerate(words[:-1]) if word[0].islower()), len(words) - 1)
    return words[:start], words[start:-1], words[-1]


def parts(name: str) -> tuple[list[str], str]:
    """The given names and the family's, with its particles."""
    given, particles, family = _split(name)
    return given, " ".join([*particles, family]).replace(_HELD, " ")


def initials(name: str) -> list[str]:
    """Initials and family name, as a list of references has them: "L.", "El Ghaoui"."""
    given, family = parts(name)
    single = [part for word in given for part in re.split(r"(?<=\.)(?=[^\W\d_])", word)]  # J.R.R.
    return [*("-".join(_initial(p) for p in word.split("-") if p) for word in single), family]


def _initial(word: str) -> str:
    """A first letter; the whole of a word in a script without capitals, where a letter alone is no initial."""
    letter = _LETTER.search(word)
    if letter is None or not (letter[0].isupper() or letter[0].islower()):
        return word
    return f"{letter[0]}."


def person(name: str) -> Person:
    """A line for BibTeX."""
    given, particles, family = _split(name)
    last = f"{{{family.replace(_HELD, ' ')}}}" if _HELD in family else family
    return Person(first=" ".join(given), prelast=" ".join(particles), last=last)
