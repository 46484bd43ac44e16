"""Folders of other systems, read as templates: one module for each format, and what they share."""

from collections.abc import Callable, Mapping

from nightlab.experiments.template.imports import adas, aide, autoresearch, openevolve, scientist, shinka
from nightlab.experiments.template.imports.draft import Draft, Wish
from nightlab.experiments.template.imports.foreign import Foreign

KINDS: Mapping[str, Callable[[Foreign, Wish], Draft]] = {
    "ai-scientist": scientist.draft,
    "autoresearch": autoresearch.draft,
    "aide": aide.draft,
    "adas": adas.draft,
    "openevolve": openevolve.draft,
    "shinka": shinka.draft,
}
