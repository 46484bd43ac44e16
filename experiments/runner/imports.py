"""Which modules of others a program's files import at their top level."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Mapping

_NEVER = {"nightlab", "__future__", "__main__"}


def imported(files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Modules that the Python files import, in order, less those that are files of their own.

    A file that does not parse imports nothing: running it tells why.
    """
    return _imported(tuple((name, source) for name, source in files.items() if name.endswith(".py")))


@functools.lru_cache(maxsize=1024)
def _imported(files: tuple[tuple[str, bytes], ...]) -> tuple[str, ...]:
    own = {name.split("/")[0].removesuffix(".py") for name, _ in files}
    found: dict[str, None] = {}
    for _, source in files:
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        found |= dict.fromkeys(_modules(tree))
    return tuple(m for m in found if m.split(".")[0] not in own | _NEVER)


def _modules(tree: ast.AST) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
        elif isinstance(node, ast.If | ast.Try | ast.With):
            yield from _modules(node)
