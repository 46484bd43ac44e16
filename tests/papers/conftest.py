"""A whole paper, made once."""

from __future__ import annotations

import pytest

from nightlab.papers.latex import latex
from tests.papers import sample
from tests.papers.sample import Paper


@pytest.fixture(scope="session")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Paper:
    folder = tmp_path_factory.mktemp("paper")
    facts, references, manuscript = sample.facts(), sample.references(), sample.manuscript()
    sample.draw(folder / "figures")
    compiled = latex.build(manuscript, facts, references, folder)
    return Paper(folder, manuscript, facts, references, compiled)
