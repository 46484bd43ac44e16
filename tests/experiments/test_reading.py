"""Files that people write, in the encodings in which editors save them."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from pathlib import Path

import pytest

from nightlab.agents.chat.configuration import configured
from nightlab.agents.chat.scripted import read_script
from nightlab.agents.chat.settings import ModelSettings
from nightlab.experiments.errors import NightlabError
from nightlab.experiments.template.loading import load
from nightlab.experiments.template.template import TemplateError
from nightlab.papers.literature.literature import load_bib
from tests.conftest import EXPERIMENT, TOML, MakeTemplate

WHERE, TITLE, NAME, AUTHOR = "Où est-ce?", "Ein schönes Tal", "modèle", "Émile Noël"
IDEAS = f"""\
[[idea]]
key = "where"
title = "{WHERE}"
question = "Where is the lowest point?"
hypothesis = "it lies in the middle"
strategies = ["east"]
"""
BIB = f"@article{{a, title={{T}}, author={{{AUTHOR}}}, year=2001, doi={{10.1000/xyz}}}}\n"


def template(folder: Path) -> list[str]:
    loaded = load(folder)
    return [loaded.ideas[0].title, loaded.spec.template.title]


def wrote(name: str, text: str, read: Callable[[Path], list[str]], shown: str) -> pytest.param:  # type: ignore[valid-type]
    return pytest.param(name, text, read, shown, id=name)


FILES = [
    wrote("template.toml", TOML.replace("A valley with noise", TITLE), template, TITLE),
    wrote("ideas.toml", IDEAS, template, WHERE),
    wrote(
        "nightlab.toml",
        f'[models]\nmodel = "fake:{NAME}"\n',
        lambda folder: [configured(ModelSettings(), folder).model],
        f"fake:{NAME}",
    ),
    wrote(
        "script.jsonl",
        f'{{"answer": "{NAME}"}}\n\n{{"answer": "b\u2028c"}}\n',
        lambda folder: [entry.text for entry in read_script(folder / "script.jsonl")],
        NAME,
    ),
    wrote(
        "references.bib", BIB, lambda folder: [str(r.authors[0]) for r in load_bib(folder / "references.bib")], AUTHOR
    ),
]
FORMS = {
    "BOM": lambda text: codecs.BOM_UTF8 + text.encode(),
    "CRLF": lambda text: text.replace("\n", "\r\n").encode(),
    "both": lambda text: codecs.BOM_UTF8 + text.replace("\n", "\r\n").encode(),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16-BE": lambda text: codecs.BOM_UTF16_BE + text.replace("\n", "\r\n").encode("utf-16-be"),
    "UTF-32": lambda text: text.encode("utf-32"),
}


@pytest.mark.parametrize(("name", "text", "read", "shown"), FILES)
@pytest.mark.parametrize("form", FORMS)
def test_what_says_its_encoding_is_read(
    form: str, name: str, text: str, read: Callable[[Path], list[str]], shown: str, make_template: MakeTemplate
) -> None:
    folder = make_template(files={"ideas.toml": IDEAS})
    (folder / name).write_bytes(FORMS[form](text))
    assert shown.encode() in "\n".join(read(folder)).encode()


@pytest.mark.parametrize(("name", "text", "read", "shown"), FILES[:-1])
@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("latin-1", r"byte \d+ \(0xe?[c-f][0-9a-f]?, line \d+\) is no UTF-8; save the file as UTF-8"),
        ("utf-16-le", r"(byte \d+ .*is no UTF-8|is zero, as in UTF-16 without its mark); save the file as UTF-8"),
    ],
)
def test_what_does_not_say_it_is_refused_with_the_place(
    encoding: str,
    told: str,
    name: str,
    text: str,
    read: Callable[[Path], list[str]],
    shown: str,
    make_template: MakeTemplate,
) -> None:
    folder = make_template(files={"ideas.toml": IDEAS})
    (folder / name).write_bytes(text.encode(encoding, "replace"))
    with pytest.raises(NightlabError, match=rf"{name}.*{told}"):
        read(folder)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (f"# {AUTHOR}\n{EXPERIMENT}".encode("latin-1"), r"byte 2 \(0xc9, line 1\) is no UTF-8; save"),
        (f"{EXPERIMENT}\n\n# {AUTHOR}\n".encode("latin-1"), r"\(0xc9, line 11\) is no UTF-8; save"),
        (EXPERIMENT.encode("utf-16"), r"is UTF-16-LE, which Python cannot read; save the file as UTF-8"),
        (EXPERIMENT.encode("utf-16-be"), r"zero, as in UTF-16 without its mark; save the file as UTF-8"),
        (f"# coding: klingon\n{EXPERIMENT}".encode(), r"is no valid Python: .*klingon"),
        (f"# coding: rot13\n{EXPERIMENT}".encode(), r"is no valid Python: .*rot13"),
        (f"# coding: undefined\n{EXPERIMENT}".encode(), r"is no valid Python: .*undefined"),
        (codecs.BOM_UTF8 + EXPERIMENT.encode(), ""),
        (f"# -*- coding: latin-1 -*-\n# {AUTHOR}\n{EXPERIMENT}".encode("latin-1"), ""),
        (EXPERIMENT.replace("\n", "\r\n").encode(), ""),
    ],
)
def test_python_is_read_as_python_reads_it(content: bytes, told: str, make_template: MakeTemplate) -> None:
    folder = make_template()
    (folder / "experiment.py").write_bytes(content)
    if told:
        with pytest.raises(TemplateError, match=rf"experiment\.py.*{told}"):
            load(folder)
    else:
        load(folder)
