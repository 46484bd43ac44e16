# Everything is set up on first use in .venv; nothing needs sudo or more than Python 3.11+, make and pip.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CODE := nightlab/*.py nightlab/commands nightlab/telling nightlab/verification agents experiments graph papers templates tests benchmarks verify.py
ARGS ?=

.PHONY: paper test check long lint types format setup benchmarks tamper durability model-test hostile doors templates-test gallery imports clean

paper: $(READY)  ## set up and write a paper on the digits template
	$(BIN)/nightlab run digits $(ARGS)

test: check  ## set up and pass all checks and tests

check: lint  ## ruff, mypy --strict beside pytest
	@$(BIN)/python -m compileall -q $(CODE)  # once, for the many processes that tests start
	@$(BIN)/mypy & types=$$!; $(BIN)/pytest -n auto --dist worksteal $(ARGS); tests=$$?; \
	wait $$types || { echo 'mypy found what stands above; make types says it alone'; exit 1; }; exit $$tests

long: $(READY)  ## the tests that the gate leaves out: more of what it has a sample of, by whole studies
	$(BIN)/pytest -n auto --dist worksteal -m long $(ARGS)

lint: $(READY)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)

types: $(READY)
	$(BIN)/mypy

format: $(READY)  ## format and mend what can be mended
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

setup: $(READY)

model-test: $(READY)  ## a study with a real model in every role, from a server on port 8099 or by ARGS="--model .. --base-url .."
	$(BIN)/python benchmarks/team.py $(ARGS)

hostile: $(READY)  ## hostile programs, candidates and documents, at both levels and as both users; the gate has a sample of that
	$(BIN)/pytest -n 2 -m "long or not long" tests/hostile $(ARGS)

doors: $(READY)  ## foreign folders in many manners are adopted and studied, or refused; the gate has some of them
	NIGHTLAB_ALL_DOORS=1 $(BIN)/pytest -n 2 tests/doors $(ARGS)

templates-test: $(READY)  ## every template with 40 trials on 2 seeds, to the PDF; ARGS="NAME --trials 10 --seeds 1" is quicker
	$(BIN)/python benchmarks/templates.py $(ARGS)

gallery: $(READY)  ## a paper of every template whose packages are here, its first page and a figure in docs/gallery; ARGS=NAME is one
	$(BIN)/python benchmarks/templates.py --seeds 1 --gallery $(ARGS)

imports: $(READY)  ## folders of other systems are imported, checked, studied and given back, or refused; the gate has some
	NIGHTLAB_ALL_IMPORTS=1 $(BIN)/pytest -n 2 tests/imports $(ARGS)

durability: $(READY)  ## kill -9 at 200 random moments, a full disk, corrupt files, a jumping clock; ARGS="--kills 20" is quicker
	$(BIN)/python -m tests.durability $(ARGS)

tamper: $(READY)  ## 1,000 alterations of small studies, which verify has to find; ARGS="--alterations 100 --clean 5" is quicker
	$(BIN)/python -m tests.tamper $(ARGS)

benchmarks: $(READY)  ## all benchmarks, on a machine that does nothing else
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check -e '.[bench]'
	$(BIN)/python benchmarks/throughput.py
	$(BIN)/python benchmarks/calls.py
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/paper.py
	$(BIN)/python benchmarks/search.py
	$(BIN)/python benchmarks/tokens.py
	$(BIN)/python benchmarks/false_claims.py

# pip installs into an environment without a pip of its own, so that no venv package of a distribution is needed.
$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "nightlab needs Python 3.11 or newer; give one with make PYTHON=...")'
	@echo 'installing nightlab into $(VENV); this takes some minutes'
	$(PYTHON) -m venv --without-pip $(VENV)
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $(READY)

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
