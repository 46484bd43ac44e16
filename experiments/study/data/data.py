"""The data of a study: laid out once, and anew for each draw; whether it still is what it was."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path

from nightlab.experiments.ledger.documents.search import RunHandle
from nightlab.experiments.ledger.documents.study import (
    BoundHashes,
    DataSizes,
    DrawHashes,
    FileHashes,
    Origin,
    TreeHashes,
)
from nightlab.experiments.ledger.kinds import in_extension
from nightlab.experiments.ledger.ledger import Ledger
from nightlab.experiments.records import Draw
from nightlab.experiments.study.data.copies import copies
from nightlab.experiments.study.data.preparation import run_prepare
from nightlab.experiments.study.data.sizes import measured
from nightlab.experiments.study.errors import OtherData, StudyError
from nightlab.experiments.study.seeds import Seeds
from nightlab.experiments.template.mending import Listing, listing, manifest_hash, mended, tree_hash
from nightlab.experiments.template.template import Template

SEARCH_DRAWS = 3  # of the data, that the replicates of a search go over: as many as a verdict has by default


class StudyData:
    """Public inputs and private data, in the folder of their study. extension: the last one of the study."""

    def __init__(self, folder: Path, ledger: Ledger, template: Template, seeds: Seeds, extension: int) -> None:
        self._folder = folder
        self._ledger = ledger
        self._template = template
        self._seeds = seeds
        self._draw_name, self._second_name = (in_extension(name, extension) for name in ("draw", "second"))

    @property
    def inputs(self) -> Path:
        return self._folder / "data" / "inputs"

    @property
    def private(self) -> Path:
        return self._folder / "data" / "private"

    def search_draw(self, replicate: int) -> Draw | None:
        """The draw that a replicate of the search is on; None for the study's own data.

        All trials go over the same draws in the same order, so that the winner is not the luck of one split.
        """
        number = replicate % self.search_draws
        return Draw(number=number, search=True) if number else None

    @cached_property
    def search_draws(self) -> int:
        """The draws that the search goes over; one in a study of an earlier version."""
        hashes = self._ledger.get(TreeHashes)
        if hashes is None:
            return SEARCH_DRAWS if self._template.redraws else 1
        return 1 + sum(what.startswith("inputs ") for what in hashes.of)

    def prepare(self) -> None:
        """Lay out inputs and private data once; afterwards check that nobody has altered them, and mend what can be."""
        if self._ledger.get(TreeHashes) is None:
            shutil.rmtree(self._folder / "data", ignore_errors=True)
            draws = [(*self._searched_draw(n), self._search_seed(n)) for n in range(1, self.search_draws)]
            self._lay_out([(self.inputs, self.private, self._seeds.data), *draws])
            sizes = self._template.spec.data.sizes if self._template.spec.data else {}
            self._ledger.put(DataSizes(of=measured(sizes, {"inputs": self.inputs, "private": self.private})))
            self._ledger.put(copies(self.inputs, self.private))
            hashes = {what: tree_hash(listing(place)) for what, place in self._places().items()}
            self._ledger.put(TreeHashes(of=hashes))
        self._check_bound()
        self._mend()

    def _check_bound(self) -> None:
        """Raise StudyError where what runs read where it lies is not there any more, or not what it was."""
        found = BoundHashes(of={name: manifest_hash(path) for name, path in self._template.bound.items()})
        before = self._ledger.put(found) if found.of else found
        if other := [name for name, key in before.of.items() if found.of.get(name) != key]:
            raise StudyError(
                f"{self._folder}: {other[0]} ([run.bind]) is not what it was when the study began, so old and new"
                " trials would not be comparable; restore it or start a new study"
            )

    def draw(self, draw: Draw) -> tuple[Path, Path]:
        """The public inputs and the private data of a draw; where they are not there, they are laid out with those that
        its test needs besides. Raises StudyError where they are not what they were, TemplateError where the template's
        preparation fails."""
        if draw.search:
            return self._searched_draw(draw.number)
        return self._drawn(self._second_name if draw.second else self._draw_name, draw)

    def _searched_draw(self, number: int) -> tuple[Path, Path]:
        folder = self._folder / "data" / "search" / str(number)
        return folder / "inputs", folder / "private"

    def _search_seed(self, number: int) -> int:
        """That of a draw of the search, which a fork with seed and key shares."""
        return self._seeds.draw(f"prepare/{number}")

    def _drawn(self, name: str, draw: Draw) -> tuple[Path, Path]:
        """Draws of this name, each by a seed and in a folder of its own."""
        folder = self._folder / "data" / "draws" / name
        places = {n: (folder / str(n) / "inputs", folder / str(n) / "private") for n in self._draws_beside(draw.number)}
        if missing := {n: both for n, both in places.items() if not both[1].is_dir()}:
            seeds = [self._seeds.draw(f"{name}/{n}") for n in missing]
            draws = [(*both, seed) for both, seed in zip(missing.values(), seeds, strict=True)]
            try:
                self._lay_out(draws, second=draw.second)
            except BaseException:  # half of a draw is none
                for n in missing:
                    shutil.rmtree(folder / str(n), ignore_errors=True)
                raise
            for n in missing:
                found = _draw_hashes(folder / str(n))
                if self._ledger.put(found, f"{name}/{n}") != found:
                    raise OtherData(
                        f"{self._folder}: the template's preparation gives other data than before for the same seed, so"
                        " the tests on them cannot be gone on with; make it draw with its seed alone, and start anew"
                    )
        return places[draw.number]

    def _draws_beside(self, number: int) -> range:
        """Draws that are laid out together, since the preparation's start takes longer than it; one where the template
        does not redraw, whose preparation may take long."""
        size = self._template.confirmations if self._template.redraws else 1
        return range(number // size * size, (number // size + 1) * size)

    def same(self, draw: Draw) -> bool:
        """Whether a draw gives the study's own data once more."""
        own = (self.inputs, self.private)
        return [tree_hash(listing(place)) for place in self.draw(draw)] == [tree_hash(listing(place)) for place in own]

    def forget_draws(self) -> None:
        """Remove the draws' data, which their seeds bring back, but for whole ones on which runs go on alone."""
        folder = self._folder / "data" / "draws"
        going_on = {str(run.id) for run in self._ledger.unsettled_runs()}
        handed = self._ledger.all(RunHandle)  # to an executor that outlives sessions
        used = {self._folder / handle.data for key, handle in handed.items() if key.partition(".")[0] in going_on}
        for draw in folder.glob("*/*"):
            recorded = self._ledger.get(DrawHashes, f"{draw.parent.name}/{draw.name}")
            if draw not in used or recorded is None or _draw_hashes(draw) != recorded:
                shutil.rmtree(draw, ignore_errors=True)
        if not any(folder.glob("*/*")):
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def _begun_with(self) -> str:
        """The folder of the template that the study's is a copy of."""
        origin = self._ledger.get(Origin)
        return origin.template if origin else ""

    def _lay_out(self, draws: Sequence[tuple[Path, Path, int]], *, second: bool = False) -> None:
        """Prepare data in folders for inputs and private data, each by a seed."""
        for inputs, private, _ in draws:
            shutil.rmtree(inputs, ignore_errors=True)
            inputs.mkdir(parents=True)
            private.mkdir(mode=0o700)
        if self._template.spec.data:
            run_prepare(self._template, self._begun_with or str(self._template.folder), draws, second=second)

    def _places(self) -> dict[str, Path]:
        more = {n: self._searched_draw(n) for n in range(1, self.search_draws)}
        return {
            "template": self._template.folder,
            "inputs": self.inputs,
            "private data": self.private,
            **{f"inputs {n}": inputs for n, (inputs, _) in more.items()},
            **{f"private data {n}": private for n, (_, private) in more.items()},
        }

    def _mend(self) -> None:
        """Put back what is missing and set aside what was added. Raises StudyError where anything still differs."""
        hashes, now = self._ledger.get(TreeHashes), dict[str, Listing]()
        recorded = hashes.of if hashes else {}
        for what, place in self._places().items():
            if place.is_dir() and tree_hash(found := listing(place)) == recorded[what]:
                now[what] = found
        if now.keys() == recorded.keys():
            self._ledger.put(FileHashes(of=now))  # of a study of an earlier version, too
            return
        files = (self._ledger.get(FileHashes) or FileHashes(of={})).of
        again, wrong = self._folder / "data.new", []

        def fresh(what: str) -> Path:
            if what == "template":
                return Path(self._begun_with)
            if not again.is_dir():
                more = [(f" {n}", self._search_seed(n)) for n in range(1, self.search_draws)]
                draws = [("", self._seeds.data), *more]
                self._lay_out([(again / f"inputs{n}", again / f"private data{n}", seed) for n, seed in draws])
            return again / what

        shutil.rmtree(again, ignore_errors=True)
        for what, place in self._places().items():
            if what in now:
                continue
            place.mkdir(parents=True, exist_ok=True, mode=0o700 if what.startswith("private data") else 0o777)
            aside = self._folder / "strays" / what
            why = mended(place, files[what], partial(fresh, what), aside) if what in files else "by somebody"
            wrong += [f"{what} changed ({why})"] if why else []
        shutil.rmtree(again, ignore_errors=True)
        if wrong:
            raise StudyError(
                f"{self._folder}: {'; '.join(wrong)} since the study began, so old and new trials would not"
                " be comparable; restore the files or start a new study"
            )


def _draw_hashes(draw: Path) -> DrawHashes:
    return DrawHashes(inputs=tree_hash(listing(draw / "inputs")), private=tree_hash(listing(draw / "private")))
