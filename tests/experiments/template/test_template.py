"""The template contract: what is right loads, what is wrong is refused with file, key, fault and remedy."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from nightlab.experiments.template import contract, figures
from nightlab.experiments.template.knobs import tables as knobs
from nightlab.experiments.template.loading import find, load, names
from nightlab.experiments.template.table import Table
from nightlab.experiments.template.template import TemplateError
from tests.conftest import MakeTemplate

ROOT = Path(__file__).resolve().parents[3]


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


def test_the_reference_has_every_key_and_loads(tmp_path: Path) -> None:
    block, *_ = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "template.md").read_text(), re.DOTALL)
    for name, text in {
        "template.toml": block,
        "prepare.py": "def prepare(inputs, private, seed): ...",
        "experiment.py": "def run(params, inputs, out, seed): ...",
        "evaluate.py": "def evaluate(out, private, split): ...",
        "references.bib": "@book{knuth1998art, title = {The Art of Computer Programming}}",
    }.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "latex").mkdir()
    assert load(tmp_path).interleaved
    found = [*vars(contract).values(), *vars(knobs).values(), *vars(figures).values()]
    keys = {key for t in found if isinstance(t, type) and issubclass(t, Table) for key in t.model_fields}
    assert len(keys) > 40
    assert {key for key in keys if not re.search(rf"\b{key}\b", block)} == set()


def test_a_whole_number_may_have_a_point(make_template: MakeTemplate) -> None:
    template = load(make_template({"memory_mb = 512": "memory_mb = 512.0", "trials = 8": "trials = 8.0"}))
    assert repr((template.spec.run.memory_mb, template.spec.budget.trials)) == "(512, 8)"


def test_an_unknown_template_is_refused_with_those_that_ship() -> None:
    with pytest.raises(TemplateError, match=r"no template 'dogits'.*digits"):
        load("dogits")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("low = 0.0\nhigh = 1.0\ndefault = 0.1", "low = 2.0\nhigh = 1.0\ndefault = 1", r"search\.space\.x\].*low = 2"),
        ("default = 0.1", "default = 3.0", r"search\.space\.x\].*from 0 to 1"),
        ("default = 0.1", "default = true", r"search\.space\.x\.default\]: must be a number.*\"bool\""),
        ('default = "calm"', 'default = "wild"', r"'wild' is not among the choices"),
        (
            'prepare = "prepare:prepare"',
            'prepare = "prepare:prepare"\ncite = "who1999"',
            r"data\.cite\]: 'who1999' is no key",
        ),
        (
            'prepare = "prepare:prepare"',
            'prepare = "prepare:prepare"\nsizes = { rows = "/etc/passwd" }',
            r"data\.sizes\]: .* must be a file that prepare writes",
        ),
        (
            'prepare = "prepare:prepare"',
            'prepare = "prepare:prepare"\nsizes = { rows = "private/../study.db" }',
            r"data\.sizes\]: .* must be a file that prepare writes",
        ),
        (
            'prepare = "prepare:prepare"',
            'prepare = "prepare:prepare"\nsizes = { "2 rows" = "inputs/x.csv" }',
            r"data\.sizes\]: '2 rows' must say what is counted",
        ),
        ("trials = 8", "trials = -8", r"budget\.trials\]: must be at least 1 \(found -8\)"),
        (
            "trials = 8",
            "trails = 8",
            r"budget\.trails\]: is not a known key.*did you mean trials\? .*confirm_seeds, hours",
        ),
        ("trials = 8", 'trials = "many"', r"budget\.trials\]: must be a whole number \(found 'many'\)"),
        ("trials = 8", "trials = 8.5", r"budget\.trials\]: must be a whole number \(found 8\.5\)"),
        ("trials = 8", 'trials = "8"', r"budget\.trials\]: must be a whole number \(found '8'\)"),
        ("timeout_s = 5", 'timeout_s = "5"', r"run\.timeout_s\]: must be a number \(found '5'\)"),
        ("timeout_s = 5", "timeout_s = true", r"run\.timeout_s\]: must be a number \(found True\)"),
        ("timeout_s = 5", 'timeout_s = 5\nnetwork = "no"', r"run\.network\]: must be true or false \(found 'no'\)"),
        (
            "timeout_s = 5",
            'timeout_s = 5\nhide = ["sklearn/dataset/data"]',
            "hide.*'sklearn/dataset/data' is in no installed",
        ),
        ("timeout_s = 5", 'timeout_s = 5\nhide = ["../secret"]', "hide.*'../secret' is in no installed package"),
        (
            'entry = "experiment:run"',
            'command = ["sh", "run.sh", "{steps}"]',
            r"command\]: \{steps\} stands for nothing",
        ),
        (
            'entry = "evaluate:evaluate"',
            "entry = \"evaluate:evaluate\"\npattern = '(.)'",
            r"\[evaluate\]: pattern reads what a run prints",
        ),
        (
            'entry = "evaluate:evaluate"',
            "parse = \"stdout\"\npattern = 'x ('",
            r"pattern\]: is no regular expression: ",
        ),
        ('entry = "evaluate:evaluate"', "parse = \"stdout\"\npattern = '(.)(.)'", r"pattern\]: must have one group"),
        ('entry = "evaluate:evaluate"', "parse = \"stdout\"\npattern = 'x'", r"pattern\]: must have one group"),
        (
            'entry = "evaluate:evaluate"',
            "parse = \"stdout\"\npattern = '(?P<_a>.)'",
            r"pattern\]: has a group '_a', which is no name for a metric",
        ),
        ("timeout_s = 5", "timeout_s = 5\noutputs_mb = 4000", r"outputs_mb\]: must be at most 2000 "),
        (
            'entry = "experiment:run"',
            'command = ["python", "t.py", "--x={xx}"]',
            r"command\]: \{xx\} stands for nothing; did you mean \{x\}\? .*write \{\{xx\}\}$",
        ),
        (
            'entry = "experiment:run"',
            'command = ["t", "k={nothing},x={x}"]',
            r"\{nothing\} stands for nothing; there are",
        ),
        ('entry = "experiment:run"', 'command = ["sh", "-c", "t --m {modd} $1"]', r"\{modd\} .*mean \{mood\}\?"),
        ("[[constraint]]", "[constraint]", r"constraint\]: must be a list of tables.* \[\[constraint\]\]$"),
        ("max = 1.5", 'max = "1.5"', r"constraint\.1\.max\]: must be a number \(found '1\.5'\)"),
        ("low = 0.0", 'low = "0.0"', r"search\.space\.x\.low\]: must be a number \(found '0\.0'\)"),
        ("timeout_s = 5", 'timeout_s = "' + "long" * 99 + '"', r"must be a number \(found .{60}\.\.\.\)$"),
        ('name = "toy"', 'name = "my toy"', r"template\.name\]: must be a name of at most 64.*found 'my toy'"),
        ('"experiment:run"', '"experiment.py:run"', r'run\.entry\]: must be "module:function", without \.py'),
        ('["experiment.py"]', '"experiment.py"', r"artifact\.editable\]: must be a list in brackets"),
        ('metric = "height"\n', "", r"objective\.metric\]: is missing; give it, such as metric = \"accuracy\""),
        (
            'direction = "minimize"',
            'direction = "down"',
            r"objective\.direction\]: must be 'minimize' or 'maximize' \(found 'down'",
        ),
        ('entry = "experiment:run"\n', "", r"\[run\]: give exactly one of"),
        (
            'entry = "evaluate:evaluate"',
            'entry = "judge:evaluate"',
            r"evaluate\.entry\].*judge\.py, which does not exist",
        ),
        (
            'entry = "evaluate:evaluate"',
            'entry = "evaluate:judge"',
            r"defines no function judge\(\.\.\.\); its functions are evaluate",
        ),
        ('["experiment.py"]', '["../experiment.py"]', r"artifact\.editable\].*no file inside"),
        ('["experiment.py"]', '["experiment.py", "evaluate.py"]', r"must not be part of the artifact"),
        ("max = 1.5\n", "", r"constraint\.1\]: give min, max or both"),
        ("[template]", "[template", r"not valid TOML"),
    ],
)
def test_what_is_wrong_is_told(make_template: MakeTemplate, old: str, new: str, told: str) -> None:
    folder = make_template({old: new})
    with pytest.raises(TemplateError, match=told) as caught:
        load(folder)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(
    "word",
    ["awk '{print}' $1", "print(f'{value}')", "--x={x}", "${HOME}/{out}", "--k={{k}}", "x{2}", '{"a": {"b": {x}}}'],
)
def test_braces_that_mean_something_else_are_left_alone(make_template: MakeTemplate, word: str) -> None:
    command = f"command = ['''{word}''', '--mood={{mood}}', 's={{seed}}']"
    assert load(make_template({'entry = "experiment:run"': command})).spec.run.command


def test_a_knob_that_is_called_like_a_place_is_refused_where_the_command_names_it(make_template: MakeTemplate) -> None:
    replace = {"[search.space.x]": "[search.space.seed]", 'entry = "experiment:run"': 'command = ["t", "--s={seed}"]'}
    assert "[search.space.seed]: is a knob, while {seed} in [run.command] stands for" in refused(make_template(replace))
    load(make_template({"[search.space.x]": "[search.space.seed]"}))
    load(make_template(replace | {'entry = "experiment:run"': 'command = ["t"]'}))


def test_one_report_has_all_that_is_wrong(make_template: MakeTemplate) -> None:
    toml = {
        "low = 0.0\nhigh = 1.0\ndefault = 0.1": "low = 5.0\nhigh = 1.0\ndefault = 2.0\nscale = 3",
        'strategy = "north"\n': "",
        'default = "calm"': 'default = "wild"',
        "trials = 8": "trials = -8\ntrails = 9",
        "memory_mb = 512": 'memory_mb = "much"\ncommand = ["python", "experiment.py"]',
        "max = 1.5\npenalty = 10.0": "penalty = -1.0",
        'editable = ["experiment.py"]': 'editable = ["experiment.py", "lost.py"]',
        'prepare = "prepare:prepare"': 'prepare = "prepare:lay_out"',
        '"evaluate:evaluate"': '"judge:evaluate"',
        'strategy = "mood"': 'strategy = ["mood"]',
        "[budget]": '[fidelity]\nknob = "y"\nlow = 9\nhigh = 10\n\n[budget]',
    }
    idea = '[[idea]]\nkey = "a"\ntitle = "An idea"\nquestion = "Why?"\n'
    folder = make_template(toml, {"experiment.py": "def run(:\n", "ideas.toml": idea})
    file = f"{folder}/template.toml"
    assert refused(folder).splitlines() == [
        f'{file}: [run]: give exactly one of entry = "module:function" and command = ["program", ...]',
        f"{file}: [run.memory_mb]: must be a whole number (found 'much')",
        f"{file}: [constraint.1]: give min, max or both",
        f"{file}: [constraint.1.penalty]: must be at least 0 (found -1.0)",
        f"{file}: [search.space.x]: low = 5 must be smaller than high = 1",
        f"{file}: [search.space.x.scale]: is not a known key; the keys here are"
        " type, strategy, low, high, log, choices, default, texts, when, env, key, constant",
        f'{file}: [search.space.y.strategy]: is missing; give it, such as strategy = "my-name"',
        f"{file}: [search.space.mood.strategy]: must be a text in quotes (found ['mood'])",
        f"{file}: [search.space.mood]: default 'wild' is not among the choices ['calm', 'odd']",
        f"{file}: [fidelity]: low = 9 must be at most 1/3 of high = 10",
        f"{file}: [budget.trials]: must be at least 1 (found -8)",
        f"{file}: [budget.trails]: is not a known key; did you mean trials? the keys here are"
        " trials, seeds, confirm_seeds, hours",
        f"{file}: [fidelity.knob]: 'y' is also under [search.space]; what makes a run cheaper is fixed in every run"
        " that counts, so take it out of the space",
        f"{file}: [artifact.editable]: 'lost.py' is no file inside {folder}; give paths of files in it",
        f"{folder}/prepare.py: [data.prepare]: defines no function lay_out(...); its functions are prepare",
        f"{folder}/experiment.py: [run.entry]: line 1 is no valid Python: invalid syntax",
        f"{file}: [evaluate.entry]: needs the file {folder}/judge.py, which does not exist",
        f'{folder}/ideas.toml: [idea.1.hypothesis]: is missing; give it, such as hypothesis = "A few words."',
    ]


@pytest.mark.parametrize(
    "value",
    [
        *("true", "-1", "1.5", "nan", "0x" + "9" * 5000, '""', '"a b"', '"\\u0000"', '"' + "x" * 300 + '"'),
        *('"' + "x" * 300 + ':run"', "[]", "[1]", "[[1]]", "[1, true]", '["' + "x" * 300 + '"]', "{a = 1}"),
    ],
)
def test_whatever_stands_at_a_key_is_refused_in_plain_words(make_template: MakeTemplate, value: str) -> None:
    folder = make_template({"[budget]": '[fidelity]\nknob = "epochs"\nlow = 1\nhigh = 10\n\n[budget]'})
    file = folder / "template.toml"
    lines = file.read_text().splitlines()
    for i, line in enumerate(lines):
        if " = " not in line:
            continue
        file.write_text("\n".join([*lines[:i], f"{line.split(' = ')[0]} = {value}", *lines[i + 1 :]]))
        told = refused(folder)
        assert not re.search(r"Input|should|valid|instance|https?:|cannot be used|pydantic|Exceeds", told), line
        assert not re.search(r"\.(int|float|str)\]", told), line
        assert "a list of at least" not in told or value == "[]", line


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"evaluate.py": "x = 1\0"}, r"evaluate\.py: \[evaluate\.entry\]: byte 5 is zero"),
        (
            {"evaluate.py": "# coding: foo\n"},
            r"evaluate\.py: \[evaluate\.entry\]: is no valid Python: unknown encoding",
        ),
        ({"evaluate.py": f"x = {'-' * 100_000}1\n"}, r"evaluate\.py: .*: is no valid Python: .* nested too deep"),
        ({"ideas.toml": f"a = {'[' * 5000}{']' * 5000}"}, r"ideas\.toml: not valid TOML: brackets are nested too deep"),
        ({"ideas.toml": f"a = {'9' * 5000}"}, r"ideas\.toml: not valid TOML: a whole number has more digits"),
        ({"ideas.toml": f"idea = [{{a{'.a' * 5000} = 1}}]"}, r"ideas\.toml: \[idea\.1\.a\]: is not a known key"),
        ({"ideas.toml": f"[[idea]]\nkey = [{{a{'.a' * 5000} = 1}}]"}, r"\[idea\.1\.key\]: .* \(found what is too long"),
    ],
)
def test_files_that_cannot_be_read_are_refused_in_a_line_each(
    make_template: MakeTemplate, files: dict[str, str], told: str
) -> None:
    found = refused(make_template(files=files))
    assert re.search(told, found)
    assert max(map(len, found.splitlines())) < 1000


def refused(folder: Path) -> str:
    """Why a template is refused; empty if it loads."""
    try:
        load(folder)
    except TemplateError as error:
        return str(error)
    return ""


def test_a_template_without_an_evaluator_is_refused(make_template: MakeTemplate) -> None:
    with pytest.raises(TemplateError, match=r"evaluate\.entry.*does not exist"):
        load(make_template(files={"evaluate.py": None}))
    with pytest.raises(TemplateError, match=r"\[evaluate\]: is missing; give the table \[evaluate\]"):
        load(make_template({'[evaluate]\nentry = "evaluate:evaluate"\n': ""}))


@pytest.mark.parametrize(
    ("by", "told"),
    [
        ("helps west", r"ideas\.toml: \[idea\.1\.parts\]: 'west' is no knob and no strategy; known: \['east'"),
        ("more x west", r"\[idea\.1\.parts\]: 'west' is no knob"),
        ("proves", r"\[idea\.1\.parts\.1\.by\]: must be \"improves\""),
        ("more x", r"\[idea\.1\.parts\.1\.by\]: must be"),
        ("helps x sideways", r"\[idea\.1\.parts\]: x cannot go 'sideways'; give up or down$"),
        ("helps mood calm", r"mood cannot go to 'calm', where it is by default"),
        ("helps mood up", r"mood cannot go 'up'; give values with \| between them: calm, odd$"),
        ("helps mood odd|sad", r"mood cannot go 'odd\|sad'"),
        ("helps east up", r"'helps east up' names a way, and 'east' is no knob"),
        ("helps west up", r"'west' is no knob and no strategy"),
    ],
)
def test_parts_of_a_hypothesis_must_be_answerable(make_template: MakeTemplate, by: str, told: str) -> None:
    idea = '[[idea]]\nkey = "a"\ntitle = "An idea"\nquestion = "Why?"\nhypothesis = "so and so"\n'
    with pytest.raises(TemplateError, match=told):
        load(make_template(files={"ideas.toml": f'{idea}parts = [{{ says = "it is so", by = "{by}" }}]\n'}))
    ways = ("helps x", "helps x up", "helps mood odd|calm", "helps east")
    for right in (*ways, "more x north", "several", "improves", ""):
        text = f'{idea}parts = [{{ says = "it is so", by = "{right}" }}]\n'
        assert load(make_template(files={"ideas.toml": text})).ideas[0].parts[0].by == right


def test_ideas_must_name_known_strategies(make_template: MakeTemplate, tmp_path: Path) -> None:
    idea = '[[idea]]\nkey = "a"\ntitle = "An idea"\nquestion = "Why?"\nhypothesis = "because"\nstrategies = ["west"]\n'
    with pytest.raises(TemplateError, match=r"ideas\.toml.*west.*known: \['east'"):
        load(make_template(files={"ideas.toml": idea}))
    with pytest.raises(TemplateError, match=r"ideas\.toml: \[idea\.1\.mood\]: is not a known key"):
        load(make_template(files={"ideas.toml": idea.replace('"west"', '"east"') + 'mood = "x"\n'}))
