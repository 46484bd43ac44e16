"""The template contract: what is right loads, what is wrong is refused with file, key, fault and remedy."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from nightlab.experiments.template import TemplateError, find, load, names
from tests.conftest import MakeTemplate


def test_a_good_template_loads(make_template: MakeTemplate) -> None:
    template = load(make_template())
    assert template.name == "toy"
    assert template.strategies == ("east", "north", "mood")
    assert template.defaults == {"x": 0.1, "y": 0.9, "mood": "calm"}
    assert template.trust == "verified"
    assert template.sign == -1.0


def test_fitness_is_the_objective_with_penalties_against_its_direction(make_template: MakeTemplate) -> None:
    low = load(make_template())
    high = load(make_template({'direction = "minimize"': 'direction = "maximize"'}))
    assert low.fitness({"height": 1.0, "cost": 1.0}) == 1.0
    assert low.fitness({"height": 1.0, "cost": 2.0}) == pytest.approx(6.0)
    assert high.fitness({"height": 1.0, "cost": 2.0}) == pytest.approx(-4.0)
    assert [c.metric for c in low.violated({"height": 1.0, "cost": 2.0})] == ["cost"]
    assert low.violated({"height": 1.0, "cost": 1.5}) == ()


def test_penalties_add_up_and_never_help(make_template: MakeTemplate) -> None:
    more = 'penalty = 10.0\n\n[[constraint]]\nmetric = "cost"\nmin = 0.5\nmax = 3.0\nhard = false\npenalty = 2.0'
    rng = random.Random(3)
    for direction, sign in (("minimize", -1.0), ("maximize", 1.0)):
        template = load(make_template({"penalty = 10.0": more, '"minimize"': f'"{direction}"'}))
        assert template.constraint_keys == ("cost", "cost.2")
        for _ in range(200):
            metrics = {"height": rng.gauss(0, 5), "cost": rng.uniform(-1, 5)}
            hard, soft = max(0.0, metrics["cost"] - 1.5), max(0.0, metrics["cost"] - 3.0, 0.5 - metrics["cost"])
            worse = sign * (metrics["height"] - template.fitness(metrics))
            assert worse == pytest.approx(10 * hard + 2 * soft)
            assert bool(template.violated(metrics)) == (hard > 0)


def test_every_shipped_template_is_found_by_name_and_loads() -> None:
    assert "digits" in names()
    for name in names():
        assert load(name).folder == find(name)


def test_an_unknown_template_is_refused_with_those_that_ship() -> None:
    with pytest.raises(TemplateError, match=r"no template 'dogits'.*digits"):
        load("dogits")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("low = 0.0\nhigh = 1.0\ndefault = 0.1", "low = 2.0\nhigh = 1.0\ndefault = 1", r"search\.space\.x\].*low = 2"),
        ("default = 0.1", "default = 3.0", r"search\.space\.x\].*from 0 to 1"),
        ("default = 0.1", "default = true", r"search\.space\.x.*\"off\", \"on\""),
        ('default = "calm"', 'default = "wild"', r"'wild' is not among the choices"),
        ("trials = 8", "trials = -8", r"budget\.trials\].*greater than or equal to 1 \(found -8\)"),
        ("trials = 8", "trails = 8", r"budget\.trails\]: is not a key"),
        ('metric = "height"\n', "", r"objective\.metric\]: is missing"),
        ('direction = "minimize"', 'direction = "down"', r"objective\.direction\].*found 'down'"),
        ('entry = "experiment:run"\n', "", r"\[run\]: give exactly one of"),
        (
            'entry = "evaluate:evaluate"',
            'entry = "judge:evaluate"',
            r"evaluate\.entry\].*judge\.py, which does not exist",
        ),
        ('entry = "evaluate:evaluate"', 'entry = "evaluate:judge"', r"defines no function judge"),
        ('["experiment.py"]', '["../experiment.py"]', r"artifact\.editable\].*no file inside"),
        ('["experiment.py"]', '["experiment.py", "evaluate.py"]', r"must not be part of the artifact"),
        ("max = 1.5\n", "", r"constraint\.0\]: give min, max or both"),
        ("[template]", "[template", r"not valid TOML"),
    ],
)
def test_what_is_wrong_is_told(make_template: MakeTemplate, old: str, new: str, told: str) -> None:
    folder = make_template({old: new})
    with pytest.raises(TemplateError, match=told) as caught:
        load(folder)
    assert str(folder) in str(caught.value)


def test_a_template_without_an_evaluator_is_refused(make_template: MakeTemplate) -> None:
    with pytest.raises(TemplateError, match=r"evaluate\.entry.*does not exist"):
        load(make_template(files={"evaluate.py": None}))
    with pytest.raises(TemplateError, match=r"\[evaluate\]: is missing"):
        load(make_template({'[evaluate]\nentry = "evaluate:evaluate"\n': ""}))


def test_ideas_must_name_known_strategies(make_template: MakeTemplate, tmp_path: Path) -> None:
    idea = '[[idea]]\nkey = "a"\ntitle = "An idea"\nquestion = "Why?"\nhypothesis = "because"\nstrategies = ["west"]\n'
    with pytest.raises(TemplateError, match=r"ideas\.toml.*west.*known: \['east'"):
        load(make_template(files={"ideas.toml": idea}))
    with pytest.raises(TemplateError, match=r"ideas\.toml: \[idea\.0\.mood\]: is not a key"):
        load(make_template(files={"ideas.toml": idea.replace('"west"', '"east"') + 'mood = "x"\n'}))
