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
RUNTIME := $(VENV)/.runtime
STAMP := $(VENV)/.installed

.PHONY: install train test check coverage mutants fuzz docs bench lint constraints browser
.DEFAULT_GOAL := install

install: $(STAMP)

# What training, playing and the page need.
$(RUNTIME): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing torch and what else training needs: about a gigabyte, a few minutes"
	@$(BIN)/python .ci/install.py $(PIP_ARGS) -e '.[web,oracle]'
	@echo "compiling the rules and the search by a training of a few seconds"
	@runs=$$(mktemp -d) && $(BIN)/selfplay train --config tiny --game connect4 --generations 1 --run $$runs/warm \
		--eval.opponents rules alphabeta:depth=1 alphabeta:preset=alphazero-jl --eval.equal_time alphabeta:ms=1 > /dev/null && rm -r $$runs
	@touch $@

# What tests, checks and docs need as well.
$(STAMP): pyproject.toml $(RUNTIME)
	@echo "installing what tests, checks and docs need"
	@$(BIN)/python .ci/install.py $(PIP_ARGS) -e '.[dev]'
	@echo 4 | $(BIN)/selfplay play --game connect4 > /dev/null
	@touch $@

train: $(RUNTIME)
	$(BIN)/selfplay train --game $(GAME) $(ARGS)

# Two workers: the tests start processes and threads of their own, and a worker of torch takes half a gigabyte.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile

browser:
	@.ci/chromium

test: install browser
	$(PYTEST) $(ARGS)

# What to run before each commit: style, types, walls, and tests of rules, search, statistics and config that take
# no training and no browser.
FAST := game_laws game_record game_text config wheel stats_score stats_rating stats_curve train_replay views
check: lint
	$(PYTEST) $(FAST:%=tests/test_%.py) $(ARGS)

# All tests; then some of kernels as Python, since compiled lines cannot be counted (test_kernels_as_python has the
# others). There whole numbers wrap round aloud. FLOOR is the share of lines in percent below which it fails.
KERNELS := game_laws train_replay search_lookahead
FLOOR ?= 90
coverage: install browser
	$(BIN)/coverage erase
	$(PYTEST) --cov --cov-report= $(ARGS)
	NUMBA_DISABLE_JIT=1 $(PYTEST) --cov --cov-append --cov-report= --timeout 900 \
		-W "ignore:overflow encountered:RuntimeWarning" $(KERNELS:%=tests/test_%.py)
	$(BIN)/coverage report --fail-under=$(FLOOR)

# Would the tests notice? For a night; `make mutants ARGS=--help` tells more.
mutants: install
	@$(BIN)/python .ci/install.py $(PIP_ARGS) -e '.[dev,mutants]'
	$(BIN)/python .ci/mutants.py $(ARGS)

# What the tests do a little of, done a lot. A cache of its own, since the usual kernels check no bounds.
KERNEL_TESTS := game_laws game_rules game_valid train_replay search_naive search_proofs search_traps
fuzz: install
	SELFPLAY_EXAMPLES=110000 $(PYTEST) --dist load --timeout 0 tests/test_strangers.py
	SELFPLAY_EXAMPLES=20000 $(PYTEST) --timeout 0 tests/test_game_renju.py -k naive_twin
	SELFPLAY_DAMAGES=20000 $(PYTEST) --timeout 0 tests/test_damages.py
	SELFPLAY_KILLS=200 $(PYTEST) --timeout 0 tests/test_train_resume.py -k killed
	SELFPLAY_RAY_KILLS=10 $(PYTEST) --timeout 0 tests/test_train_ray.py tests/test_lab_spread.py
	SELFPLAY_KILLS=5 $(PYTEST) --timeout 0 tests/test_lab.py -k killed
	cache=$$(mktemp -d) && NUMBA_BOUNDSCHECK=1 XDG_CACHE_HOME=$$cache $(PYTEST) $(KERNEL_TESTS:%=tests/test_%.py) && rm -r $$cache

docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict  # --quiet would hide what it is strict about

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
