# All of the set-up, on a machine that has Python 3.11 or newer and make.
#   make demo   train a small model on street scenes for three minutes, score it, write a report
#   make test   run the tests
#   make test-fast   run those that take a moment each: every part of the library, under 90 s
#   make docs   build the documentation into site/; look at it with python -m http.server -d site
#   make test-oldest   run the fast tests with the oldest packages allowed
#   make pythons   install the wheel with Python 3.11 to 3.14 and use it
#   make dist   build the wheel and the sdist, and test them
#   make licences   list the licences of what it depends on; make audit   their known vulnerabilities
#   make results-check   score the trained models in models/ (CONTEXTSEG_DATA: camvid, voc_animals)

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo compiled test test-fast test-oldest pythons dist licences audit results-check docs lint \
	format clean

demo: $(VENV)/installed
	$(BIN)/contextseg demo

# Many tests start processes of their own: bytecode, wherever Python may not write it by itself.
compiled: $(VENV)/installed-dev
	@$(BIN)/python -m compileall -q src tests

test: compiled
	$(BIN)/pytest -q -n 2 --durations=15

test-fast: compiled
	$(BIN)/pytest -q -n 2 -m "not slow"

test-oldest:
	.ci/oldest

pythons:
	.ci/pythons

dist: $(VENV)/installed-dev
	rm -rf dist
	$(BIN)/python -m hatchling build -d dist
	$(BIN)/pytest -q tests/test_dist.py

licences: $(VENV)/installed
	$(BIN)/python .ci/licences.py

audit: $(VENV)/installed
	$(BIN)/python -m uv tool run pip-audit --path $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

results-check: $(VENV)/installed
	$(BIN)/python -m benchmarks.results_check

docs: $(VENV)/installed-dev
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/mypy

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "contextseg needs Python 3.11 or newer; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@# uv resolves and unpacks in parallel; where it cannot be had, pip does the same more slowly.
	$(BIN)/python -m pip install --quiet uv || true

$(VENV)/installed: $(BIN)/python pyproject.toml
	@echo "Installing contextseg and PyTorch into $(VENV); this takes a minute or two."
	$(BIN)/python -m uv pip install --quiet --python $(BIN)/python -e '.[train]' 2>/dev/null \
		|| $(BIN)/python -m pip install --quiet -e '.[train]'
	@touch $@

$(VENV)/installed-dev: $(BIN)/python pyproject.toml
	@echo "Installing contextseg, PyTorch and the tools for tests into $(VENV); this takes a minute or two."
	@# Each of the tests' processes imports PyTorch: its bytecode is compiled here, as pip does.
	$(BIN)/python -m uv pip install --quiet --compile-bytecode --python $(BIN)/python \
		-e '.[dev]' 2>/dev/null \
		|| $(BIN)/python -m pip install --quiet -e '.[dev]'
	@touch $@ $(VENV)/installed
