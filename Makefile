# The commands of this project. `make setup` is run by the others when pyproject.toml changed.

VENV := .venv
PYTHON := $(VENV)/bin/python
STAMP := $(VENV)/.installed
RUNS := $(VENV)/.runs
SEED ?= 1

# the first of these that is 3.11 or 3.12; `make setup PYTHON3=/path/to/python` overrides
PYTHON3 ?= $(shell for python in python3.12 python3.11 python3 python; do \
  "$$python" -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo "$$python" && break; \
  done)

.DEFAULT_GOAL := help
.PHONY: help setup check format test test-all demo docs models bench clean

help: ## what can be made
	@sed -n 's/^\([a-z][a-z-]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r name text; do printf '  make %-9s %s\n' "$$name" "$$text"; done

setup: $(STAMP) ## .venv with all that development needs

$(STAMP): pyproject.toml | $(PYTHON)
	@echo "setup: installing Mergus with all model engines and the development tools (some minutes)"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(STAMP) $(RUNS)
	@echo "setup: done"

$(RUNS): pyproject.toml | $(PYTHON) # what the demo needs, which is less
	@echo "setup: installing Mergus with TensorFlow (a minute or two)"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --editable '.[tensorflow]'
	@touch $(RUNS)

$(PYTHON):
	@test -n "$(PYTHON3)" || { echo "Mergus needs Python 3.11 or 3.12 on the PATH (or: make setup PYTHON3=/path/to/python)" >&2; exit 1; }
	@echo "setup: virtual environment in $(VENV) ($$($(PYTHON3) --version))"
	@$(PYTHON3) -m venv $(VENV)

check: $(STAMP) ## style, types and import rules
	@echo "check: ruff"
	@$(VENV)/bin/ruff check --quiet .
	@$(VENV)/bin/ruff format --quiet --check .
	@echo "check: mypy --strict"
	@$(VENV)/bin/mypy --strict --package mergus.engine
	@echo "check: import rules"
	@$(VENV)/bin/lint-imports --no-logo

format: $(STAMP) ## what ruff can put right by itself
	@$(VENV)/bin/ruff check --quiet --fix . ; $(VENV)/bin/ruff format .

# Two at once, with servers, brokers and kills on the same cores: what misses a deadline then is tried once more alone, and both are told.
test: $(STAMP) ## the tests (each SQL case plain and in two combinations)
	@$(PYTHON) -m pytest -m 'not slow' -n 2 --dist loadfile $(ARGS) || \
	  { echo "test: once more, alone: what failed beside the others"; $(PYTHON) -m pytest --last-failed --last-failed-no-failures none; }

test-all: $(STAMP) ## every test in every combination
	@MERGUS_TEST_ALL=1 $(PYTHON) -m pytest $(ARGS)

demo: $(RUNS) ## the main job on real log lines; KEEP=1 keeps the server up
	@$(PYTHON) -m mergus.engine.cli.demo $(if $(filter-out 0,$(KEEP)),--keep)

docs: $(STAMP) ## the pages that are made: docs/sql/functions.md
	@$(PYTHON) -m mergus.engine.serving.describe.functions > docs/sql/functions.md

models: $(STAMP) ## build, train and evaluate the embedded models anew
	@for build in models/*/build.py; do echo "models: $$build"; $(PYTHON) "$$build" --seed $(SEED) || exit 1; done

bench: $(STAMP) ## every benchmark, one table each
	@for bench in bench/bench_*.py; do echo "bench: $$bench"; PYTHONPATH=. $(PYTHON) "$$bench" || exit 1; done

clean: ## what the commands above have made
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find engine udfs models tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
