"""What every template that ships promises; one whose packages are not here is passed over."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pybtex.database import parse_file

from nightlab.experiments.study.settings import Settings
from nightlab.experiments.study.study import create, read
from nightlab.experiments.template.loading import load, names
from nightlab.experiments.template.template import Template
from nightlab.graph.session import begin, work
from nightlab.graph.template.checking import attacked
from nightlab.graph.template.requirements import lacks, needs

LESS = {  # work that runs of the gate do without and `make templates-test` does in full: file, what it says, instead
    "packing": ("experiment.py", "PROGRAMS = 600 ", "PROGRAMS = 40 "),
    "voice": (
        "prepare.py",
        'SIZES = {"train": 240, "dev": 120, "holdout": 160}',
        'SIZES = {"train": 80, "dev": 40, "holdout": 40}',
    ),
    "self-improvement": ("prepare.py", 'TASKS = {"dev": 16, "holdout": 24}', 'TASKS = {"dev": 4, "holdout": 6}'),
}
FREE = {"search", "autoresearch", "noise", "statistics", "data"}  # topics that are no strategy


@pytest.fixture(params=names())
def template(request: pytest.FixtureRequest) -> Template:
    return load(request.param)


@pytest.fixture
def quick(template: Template, tmp_path: Path) -> Path:
    """The folder of a template whose packages are here; where its runs take long, a copy in which they do less."""
    if missing := lacks(template):
        pytest.skip(f"{template.name} needs {', '.join(missing)}")
    if template.name not in LESS:
        return template.folder
    folder = tmp_path / template.name
    shutil.copytree(template.folder, folder)
    name, whole, less = LESS[template.name]
    source = (folder / name).read_text(encoding="utf-8")
    assert whole in source
    (folder / name).write_text(source.replace(whole, less), encoding="utf-8")
    return folder


def test_it_tells_what_it_is(template: Template) -> None:
    assert template.spec.run.seconds
    assert template.spec.template.domain != "general"
    assert template.spec.template.method
    assert len(template.strategies) > 1
    assert (template.folder / "README.md").is_file()


def test_it_is_judged_with_a_constraint(template: Template) -> None:
    assert template.trust == "verified"
    assert template.spec.constraint
    assert template.spec.data


def test_ideas_are_of_several_kinds_and_their_prose_holds_no_number(template: Template) -> None:
    assert len(template.ideas) >= 3
    assert len({idea.key for idea in template.ideas}) == len(template.ideas)
    assert len({idea.strategies for idea in template.ideas}) >= 3
    ideas = tomllib.loads((template.folder / "ideas.toml").read_text(encoding="utf-8"))["idea"]
    prose = [template.spec.template.description, *(str(value) for idea in ideas for value in idea.values())]
    assert [text for text in prose if re.search(r"\d", text)] == []
    for idea in template.ideas:
        assert idea.question.endswith("?")
        assert idea.hypothesis[0].islower()
        assert not idea.hypothesis.endswith(".")
        assert idea.expected_effect
        assert idea.risks
        assert set(idea.strategies) <= set(template.strategies)


def test_references_have_an_identifier_and_say_where_they_were_checked(template: Template) -> None:
    entries = parse_file(str(template.folder / "references.bib")).entries
    assert len(entries) >= 8
    for key, entry in entries.items():
        fields = entry.fields
        assert entry.persons["author"], key
        assert {"title", "year", "abstract", "keywords"} <= set(fields), key
        doi, arxiv = fields.get("doi", ""), fields.get("eprint", "")
        assert re.fullmatch(r"10\.\d{4,5}/\S+", doi) or re.fullmatch(r"\d{4}\.\d{4,5}|[a-z.-]+/\d{7}", arxiv), key
        assert set(fields["keywords"].split(", ")) <= {*template.strategies, *FREE}, key
        assert not re.search(r"\d", fields["abstract"]), key
        assert re.fullmatch(r"https?://\S+", fields.get("checked", "")), key


def test_its_evaluator_catches_its_attacks(quick: Path) -> None:
    folder = quick / "attacks"
    said = {name: found[1] for name, text in texts(folder) if (found := re.search(r"caught: (.+)", text))}
    how = attacked(quick)
    assert len(how) >= 3
    assert {name: told for name, told in how.items() if not told or said.get(name, "\0") not in told} == {}


def texts(folder: Path) -> Iterator[tuple[str, str]]:
    """The name of each attack, which may be a folder, and the text of its files."""
    for path in sorted(folder.iterdir()):
        inside = [path] if path.is_file() else [p for p in sorted(path.rglob("*")) if p.is_file()]
        if path.suffix != ".md":
            yield path.name, "\n".join(p.read_text(encoding="utf-8") for p in inside if p.suffix != ".pyc")


def test_no_study_holds_its_attacks(template: Template, tmp_path: Path) -> None:
    made = create(template, Settings(), tmp_path)
    assert (made / "template" / "template.toml").is_file()
    assert not (made / "template" / "attacks").exists()


@pytest.mark.parametrize("template", [name for name in names() if name != "digits"], indirect=True)  # other tests study
def test_a_study_of_it_comes_to_its_end(template: Template, quick: Path, tmp_path: Path) -> None:
    settings = Settings(trials=1, seeds=1, confirm_seeds=2, workers=2)
    made = begin(quick, settings, tmp_path / "studies", "experiment")
    work(made, lambda _event: None)
    study = read(made)
    try:
        assert study.template.trust == "verified"
        assert len(study.ledger.trials()) > 1
        assert study.claim is not None
        layers = [layer.data.split(".") for figure in template.spec.figure for layer in figure.layer]
        given = {name.split("/")[-1] for run in study.ledger.runs("confirm") for name in study.series.of(run.id)}
        assert {name for kind, name in layers if kind != "items"} <= given
    finally:
        study.close()


def test_no_template_knows_another(template: Template) -> None:
    others = {*names()} - {template.folder.name}
    for path in template.folder.rglob("*.py"):
        imported = re.findall(r"^\s*(?:from|import) ([\w.]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert not [name for name in imported if "templates" in name or name.partition(".")[0] in others], path


def test_needs_are_told(template: Template) -> None:
    assert set(lacks(template)) <= set(needs(template))
