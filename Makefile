# `make demo` and `make test` do everything on a fresh machine; they share one environment.
PYTHON_BIN = $(or $(VENV),.venv)/bin

.PHONY: demo test test-fast test-configs docs lint env

env:
	tools/setup_env.sh

demo: env
	$(PYTHON_BIN)/mplug2 demo

test: env
	$(PYTHON_BIN)/python -m pytest -n 2 --dist worksteal

test-fast: env
	$(PYTHON_BIN)/python -m pytest -n 2 --dist worksteal -m 'not slow and not distributed and not browser and not gpu'

# Every shipped config builds, trains a step, tests and scores, at a tiny size.
test-configs: env
	OMP_NUM_THREADS=1 $(PYTHON_BIN)/python tools/analysis_tools/run_configs.py

# The site, into site/: warnings are errors.
docs: env
	NO_MKDOCS_2_WARNING=1 $(PYTHON_BIN)/mkdocs build --strict

lint: env
	$(PYTHON_BIN)/ruff check .
	$(PYTHON_BIN)/ruff format --check .
