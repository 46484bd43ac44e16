"""Which modules of others a program's files import at their top level: read word by word, whoever wrote them."""

from __future__ import annotations

import functools
import io
import tokenize
from collections.abc import Iterator, Mapping, Sequence

_NEVER = {"nightlab", "__future__", "__main__"}
_OPEN = {"if", "elif", "else", "try", "finally", "with"}  # blocks that belong to the top level still


def imported(files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Modules that the Python files import, in order, less those that are files of their own.

    A file is read as far as it has words: running it tells what is wrong with it.
    """
    return _imported(tuple((name, source) for name, source in files.items() if name.endswith(".py")))


@functools.lru_cache(maxsize=1024)
def _imported(files: tuple[tuple[str, bytes], ...]) -> tuple[str, ...]:
    own = {name.split("/")[0].removesuffix(".py") for name, _ in files}
    found: dict[str, None] = {}
    for _, source in files:
        for statement in _statements(source):
            found |= dict.fromkeys(_modules(statement))
    return tuple(m for m in found if m.split(".")[0] not in own | _NEVER)


def _statements(source: bytes) -> Iterator[list[str]]:
    """The words of each statement at the top level. No syntax tree is made: it is as deep as its author likes."""
    blocks: list[str] = []  # the word that opened each block that is open here
    words: list[str] = []
    opener = ""
    text = source.decode("utf-8-sig", "replace")  # the codec that it names would run here
    try:
        for kind, word, *_ in tokenize.generate_tokens(io.StringIO(text).readline):
            if kind == tokenize.ERRORTOKEN:
                return
            if kind == tokenize.INDENT:
                blocks.append(opener)
            elif kind == tokenize.DEDENT:
                blocks.pop()
            elif kind == tokenize.NEWLINE or word == ";":
                if words and _OPEN.issuperset(blocks):
                    yield words
                opener, words = words[0] if words else "", []
            elif kind in (tokenize.NAME, tokenize.OP):
                words.append(word)
    except (SyntaxError, ValueError, tokenize.TokenError):
        return


def _modules(statement: Sequence[str]) -> Iterator[str]:
    if statement[0] == "from" and "import" in statement:
        if not statement[1].startswith("."):
            yield "".join(statement[1 : statement.index("import")])
    elif statement[0] == "import":
        for part in " ".join(statement[1:]).split(","):
            if name := part.partition(" as ")[0].replace(" ", ""):
                yield name
