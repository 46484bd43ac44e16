"""The names that a template's author gives its task and its metric: a paper uses those that are names and no more.

A title, a label or a unit stands where no quotation marks can be: in titles, in the abstract, on axes, in the PDF's
metadata. One that boasts, tells a number or says more than a name would be the paper's own claim there, so the plain
name, which the template's code uses, stands for it.
"""

from __future__ import annotations

import re
from dataclasses import replace

from nightlab.experiments.template.figures import FigureTable
from nightlab.experiments.template.template import Template
from nightlab.papers.audit.grammar import pattern
from nightlab.papers.audit.numerals import numeral

_NAME = re.compile(r"[^\W\d_](?:[\w '’/@+&-]|(?<=\w)[,:](?= ))*")  # of a task; of a metric without comma and colon
_UNIT = re.compile(r"(?:[%°]?[^\W\d_]*(?:\^?-?[1-4]|[⁻¹²³]+)?(?:[ ·/*]|$)){1,4}")
_NUMBERED = re.compile(r"\b[^\W\d_]+[-@]?\d{1,3}\b(?![.,%]\d)")  # a name with a number in it: F1, top-5, recall@10
_PRAISE = ("boast", "super", "superlative", "win_verb_or_degree", "assert_verb", "forbidden_tense")
_AXIS = re.compile(r"[^\W\d_][\w '’/()%&,-]*")  # of an axis, which may say its unit
_LONGEST = 6  # words of a metric's name


def praise(name: str) -> str:
    """What a name says that no name may: a number that is none of its own, or praise; empty if nothing."""
    bare = _NUMBERED.sub("", name)
    if found := numeral(bare):
        return found
    low = bare.casefold()
    return next((m[0] for kind in _PRAISE if (m := pattern(kind).search(low))), "")


def modest(template: Template) -> Template:
    """The template with plain names for those of its author's that say more than a name."""
    head, objective = template.spec.template, template.spec.objective
    plain = _spaced(head.name)
    title = head.title if _NAME.fullmatch(head.title) and not praise(head.title) else plain
    label = objective.label if _names_metric(objective.label) else ""
    unit = objective.unit if _UNIT.fullmatch(objective.unit) and not praise(_words(objective.unit)) else ""
    figures = tuple(map(_plain_figure, template.spec.figure))
    if (title, label, unit, figures) == (head.title, objective.label, objective.unit, template.spec.figure):
        return template
    renamed = {
        "figure": figures,
        "template": head.model_copy(update={"title": title}),
        "objective": objective.model_copy(update={"label": label, "unit": unit}),
    }
    return replace(template, spec=template.spec.model_copy(update=renamed))


def _plain_figure(figure: FigureTable) -> FigureTable:
    """A figure whose title and labels are names: its key and its data's names stand in for others."""
    layers = tuple(each if _names(each.label) else each.model_copy(update={"label": ""}) for each in figure.layer)
    title = figure.title if _NAME.fullmatch(figure.title) and not praise(figure.title) else ""
    x, y = (label if _names(label) else "" for label in (figure.x, figure.y))
    return figure.model_copy(
        update={"title": title or _spaced(figure.key).capitalize(), "x": x, "y": y, "layer": layers}
    )


def _names(label: str) -> bool:
    return not label or (bool(_AXIS.fullmatch(label)) and not praise(label))


def _spaced(key: str) -> str:
    return key.replace("-", " ").replace("_", " ")


def _names_metric(label: str) -> bool:
    words = label.split()
    return bool(_NAME.fullmatch(label)) and not set(",:") & set(label) and len(words) <= _LONGEST and not praise(label)


def _words(unit: str) -> str:
    return " ".join(re.findall(r"[^\W\d_¹²³]+", unit))
