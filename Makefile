# `make train` and `make test` install first. Another package source:
#   make install PIP_ARGS="--index-url URL"   or   PIP_ARGS="--find-links FOLDER"
# Exactly the versions that were tested on a CPU with Python 3.11:
#   make install PIP_ARGS="-c constraints/py311-cpu.txt"

PYTHON ?= python3
VENV ?= .venv
PIP_ARGS ?=
GAME ?= connect4
ARGS ?=
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install train test bench lint constraints
.DEFAULT_GOAL := install

install: $(STAMP)

$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) -e '.[dev]'
	@echo "compiling the search by playing a move"
	echo 4 | $(BIN)/selfplay play --game connect4 > /dev/null
	touch $@

train: install
	$(BIN)/selfplay train --game $(GAME) $(ARGS)

# Two workers: the tests start processes and threads of their own, and a worker of torch takes half a gigabyte.
test: install
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

bench: install
	$(BIN)/selfplay bench all --game $(GAME) $(ARGS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

# The local label of torch (+cpu) is left out, so that any index can serve the file.
constraints: install
	$(BIN)/pip freeze --exclude-editable | sed 's/+cpu$$//' > constraints/py311-cpu.txt
