"""From what a model gave to a new version of the editable files: exactly where it matches, tolerantly where that is
unambiguous, else a refusal that says what would do."""

from __future__ import annotations

import difflib
import io
import re
import tokenize
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from nightlab.experiments.executors.local.isolation.syntax import fault
from nightlab.experiments.reading import Form, form_of
from nightlab.experiments.template.artifact import blocks
from nightlab.experiments.template.artifact.diffs import Files
from nightlab.experiments.template.globbing import matches, may_be_added

MOST_EDITS = 20
MOST_FILES = 1000  # of a version to which files were added
MOST_CHARACTERS = 200_000  # of a file after an edit
NEAR = 0.6  # likeness from which a refusal shows the nearest text
NEAREST_WORK = 10_000_000  # characters compared at most in search of the nearest text
_QUOTES = str.maketrans(dict.fromkeys('\u2018\u2019\u201c\u201d"', "'"))


class EditRefused(Exception):
    """An edit that cannot be made; the message tells the model what would do."""


@dataclass(frozen=True, kw_only=True)
class Edit:
    """`search` becomes `replace` in `file`; an empty `search` stands for the whole file."""

    file: str
    search: str
    replace: str


def apply(edits: Sequence[Edit], files: Files, editable: Sequence[str], within: str = "") -> dict[str, bytes]:
    """The files after all edits, in their order.

    editable: names and patterns. A file that fits a pattern may be added, and is removed where nothing is left in it.
    within: the name of the blocks in which alone a file may change that has some.

    Raises EditRefused for a file that is not editable, a text that is not found once, a change outside of blocks, a
    syntax error, a size out of bounds, and edits that change nothing.
    """
    if not edits or len(edits) > MOST_EDITS:
        raise EditRefused(f"give 1 to {MOST_EDITS} edits, not {len(edits)}")
    names = [name for name in files if matches(name, editable)]
    forms = {name: form for name in names if (form := _form(files, name))}
    texts: dict[str, str] = {}
    for number, edit in enumerate(edits, 1):
        name = _named(edit.file, names, editable)
        if name not in files:
            forms.setdefault(name, form_of(b""))
        if name not in forms:
            raise EditRefused(f"{name} is no text, so it cannot be edited")
        text = texts[name] if name in texts else forms[name].text(files.get(name, b""))
        try:
            texts[name] = _replaced(text, edit)
        except EditRefused as refused:
            raise EditRefused(f"edit {number} of {name}: {refused}") from None
    _require_within({name: forms[name].text(files[name]) for name in texts if name in files}, texts, within)
    gone = {name for name, text in texts.items() if not text.strip() and may_be_added(name, editable)}
    texts = {name: text for name, text in texts.items() if name not in gone}
    for name, text in texts.items():
        if not text.strip() or len(text) > MOST_CHARACTERS:
            raise EditRefused(f"{name} must hold 1 to {MOST_CHARACTERS} characters, not {len(text)}")
        if re.search("[\0\ud800-\udfff]", text):
            raise EditRefused(f"{name} would hold characters that no text file may hold")
    new = {**files, **{name: _encoded(name, text, forms[name]) for name, text in texts.items()}}
    new = {name: data for name, data in new.items() if name not in gone}
    if len(new) > max(len(files), MOST_FILES):
        raise EditRefused(f"it would have {len(new)} files, more than {MOST_FILES}")
    if new == dict(files):
        raise EditRefused("the edits change nothing; `replace` must differ from `search`")
    for name in texts:
        check_syntax(name, new[name])
    return new


def _require_within(before: Mapping[str, str], after: Mapping[str, str], block: str) -> None:
    """Raises EditRefused where a file that has blocks would change outside of them, or would have others."""
    for name, text in before.items() if block else ():
        if f"{block}-START" in text and blocks.outside(text, block) != blocks.outside(after[name], block):
            raise EditRefused(
                f"{name} may change only between the lines with {block}-START and {block}-END; leave these lines and"
                " all outside of them as they are"
            )


def check_syntax(name: str, content: bytes) -> None:
    """Raises EditRefused where a Python file does not compile."""
    if wrong := fault({name: content}):
        raise EditRefused(f"{name} would be no valid Python: {wrong}")


def _named(file: str, editable: Sequence[str], patterns: Sequence[str]) -> str:
    """Which editable file is meant. Only names from the list, and plain ones that fit a pattern, are used as a path."""
    given = file.strip().removeprefix("./")
    if given in editable or may_be_added(given, patterns):
        return given
    if not given and len(editable) == 1:
        return editable[0]
    raise EditRefused(f"{file!r} is no editable file; those are {', '.join(editable)}")


def _form(files: Files, name: str) -> Form | None:
    """How a file holds its text; None for what is no text."""
    try:
        return form_of(files[name], python=name.endswith(".py"))
    except (UnicodeDecodeError, SyntaxError):
        return None


def _encoded(name: str, text: str, form: Form) -> bytes:
    """The text in the form that the file had; a Python file declares its encoding itself."""
    try:
        if name.endswith(".py") and not form.mark:
            form = replace(form, encoding=tokenize.detect_encoding(io.BytesIO(text.encode()).readline)[0])
        return form.content(text)
    except UnicodeEncodeError as error:
        wrong = error.object[error.start]
        raise EditRefused(f"{name} is in {form.encoding}, which has no {wrong!r}; write it as an escape") from None
    except (SyntaxError, LookupError, UnicodeError) as error:  # of what it declares: no encoding, or none of texts
        raise EditRefused(f"{name} would be no valid Python: {error}") from None


def _replaced(text: str, edit: Edit) -> str:
    if not edit.search.strip():
        return edit.replace if edit.replace.endswith("\n") else f"{edit.replace}\n"
    count = text.count(edit.search)
    if count == 1:
        return text.replace(edit.search, edit.replace)
    if count > 1:
        raise EditRefused(f"`search` occurs {count} times; take in more lines around it")
    return _tolerant(text, edit)


def _tolerant(text: str, edit: Edit) -> str:
    """Whole lines that are equal but for white space and quotes; the replacement takes over their indentation."""
    lines, wanted = text.splitlines(keepends=True), edit.search.strip("\n").splitlines()
    plain = [_plain(line) for line in lines]
    target = [_plain(line) for line in wanted]
    found = [i for i in range(len(lines) - len(target) + 1) if plain[i : i + len(target)] == target]
    if len(found) > 1:
        raise EditRefused(
            f"`search` occurs {len(found)} times when white space and quotes are ignored; copy it exactly, with more"
            " lines around it"
        )
    if not found:
        raise EditRefused(f"`search` is not in the file.{_nearest(plain, lines, target)}")
    there = lines[found[0] : found[0] + len(target)]
    moved = _indented(edit.replace.strip("\n"), wanted, there)
    closing = "\n" if moved and there[-1].endswith("\n") else ""
    return "".join([*lines[: found[0]], moved + closing, *lines[found[0] + len(target) :]])


def _plain(line: str) -> str:
    return re.sub(r"\s+", "", line.translate(_QUOTES))


def _indented(text: str, given: Sequence[str], there: Sequence[str]) -> str:
    """`text` moved as far as the lines that were given stand from those that are in the file."""
    first = next(i for i, line in enumerate(given) if line.strip())
    had, wanted = _indentation(given[first]), _indentation(there[first])
    rest = [(a, b) for a, b in zip(given, there, strict=True) if a.strip()][1:]
    if had == wanted or not text:
        return text
    lines = text.split("\n")
    if rest and all(_indentation(a) == _indentation(b) for a, b in rest):  # only the first line was cut short
        return "\n".join([wanted + lines[0].lstrip(), *lines[1:]])
    return "\n".join(_moved(line, had, wanted) for line in lines)


def _moved(line: str, had: str, wanted: str) -> str:
    if not line.strip():
        return ""
    if line.startswith(had):
        return wanted + line[len(had) :]
    if wanted.startswith(had):
        return wanted[len(had) :] + line
    return line.removeprefix(had[len(wanted) :]) if had.startswith(wanted) else line


def _indentation(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _nearest(plain: Sequence[str], lines: Sequence[str], target: Sequence[str]) -> str:
    """The lines most like those that were searched for, to be copied from."""
    size, sought = len(target), "\n".join(target)
    if len(plain) * len(sought) > NEAREST_WORK:
        return " Copy it exactly from the file that you were shown."
    best, where = 0.0, 0
    for i in range(max(1, len(plain) - size + 1)):
        matcher = difflib.SequenceMatcher(None, "\n".join(plain[i : i + size]), sought, autojunk=False)
        if matcher.real_quick_ratio() > best and matcher.quick_ratio() > best and matcher.ratio() > best:
            best, where = matcher.ratio(), i
    if best < NEAR:
        return " Copy it exactly from the file that you were shown."
    shown = "".join(lines[where : where + min(size, 12)])
    return f" The nearest text is:\n{shown.rstrip()}\nCopy it exactly."


def sources(files: Files, names: Sequence[str]) -> Mapping[str, str]:
    """The named files as text; what is no text is left out."""
    return {name: form.text(files[name]) for name in names if (form := _form(files, name))}
