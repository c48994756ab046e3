# `make` prints what there is. Every target that runs our code sets the environment up first; a second time that is free.
#   PYTHON=python3.12      the interpreter that .venv is made with (3.11 or newer)
#   TORCH_INDEX=URL        another place for pip to find torch, such as the CPU wheels' that pytorch.org/get-started names
#   PYTEST_ARGS="-x -k …"  more words for pytest
PYTHON ?= python3
VENV ?= .venv
TORCH_INDEX ?=
PYTEST_ARGS ?=
FAIRSEQ ?=

BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PYTEST_ARGS)
# In the environment, not as an option: fairseq's own isolated build is to use the same versions (newer pip: BUILD).
PIP := PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-host test test-plugin test-slurm test-browser test-nightly lint format bench upstream-tests host-mutation clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 18

setup: $(READY)  ## build .venv from constraints.txt

# In this order: fairseq by itself, because pip cannot resolve its requirements any more (README.md, "pip check").
$(READY): constraints.txt setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: $(PYTHON) is not Python 3.11 or newer; say which is: make PYTHON=python3.12 setup" >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) "$$(grep '^torch==' constraints.txt)"
	$(PIP) setuptools wheel
	$(PIP) --no-deps fairseq==0.12.2
	$(PIP) --editable '.[dev]'
	touch $@
	@echo 'set up; what pip says about fairseq above is expected and does no harm (README.md, "pip check")'

SEED ?= 1

demo: $(READY)  ## the whole loop: three rounds of CRISS on invented languages (10 minutes; SEED=1)
	$(BIN)/fairseq-xling demo --seed $(SEED)

demo-host: $(READY)  ## train, translate and score a small task with fairseq's own commands (2 minutes)
	PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/host_demo/run.sh

test: $(READY)  ## the default tier: everything that needs no subprocess of fairseq, no cluster, no browser
	$(PYTEST)

test-plugin: $(READY)  ## stock fairseq commands with the plug-in, as subprocesses
	$(PYTEST) -m plugin

test-slurm: $(READY)  ## a private SLURM cluster, started by the tests
	$(PYTEST) -m slurm

test-browser: $(READY)  ## report pages in headless chromium
	$(PYTEST) -m browser

test-nightly: $(READY)  ## what is longer than a CI run allows
	$(PYTEST) -m nightly

lint: $(READY)  ## ruff (rules and layout) and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)  ## mend what ruff can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)  ## ours / peer / ratio: mining, surface, retrieval, encode, train (12 minutes; fails below a floor)
	$(BIN)/python benchmarks/bench.py

upstream-tests: $(READY)  ## fairseq's own tests under the host layer: make upstream-tests FAIRSEQ=path/to/v0.12.2
	@test -n "$(FAIRSEQ)" || { echo "make: give a checkout of fairseq v0.12.2: make upstream-tests FAIRSEQ=path" >&2; exit 2; }
	$(BIN)/python benchmarks/upstream_suite.py "$(FAIRSEQ)"

host-mutation: $(READY)  ## switch each row of the host's edit table off in turn and see its test fail
	$(BIN)/python tests/host/disable_each_row.py

clean:  ## remove everything that was built or cached
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .demo
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
