# Everything that is done with this project, in one place. `make` alone lists it.
#
#   PYTHON=python3.12   the Python that makes .venv; 3.11 or newer
#   INDEX_URL=URL       a second package index. Without one, `make setup` on Linux asks PyTorch's CPU
#                       index where there is no NVIDIA GPU (200 MB; PyPI's brings 3 GB of CUDA).
#                       INDEX_URL=https://pypi.org/simple takes PyPI's all the same; on a GPU machine
#                       you may name the index of your CUDA (https://download.pytorch.org/whl/cu126).
#   EXTRAS=dev,gpu      `gpu` adds faiss-gpu (Linux, CUDA 12)
#   VIDEOS=~/Videos     your own folder for `make demo`;  PORT=8000 where it then listens
#   TESTS="-k catalog"  arguments for pytest;  JOBS=2 how many tests run at once (0: in one process)

PYTHON ?= python3
INDEX_URL ?=
EXTRAS ?= dev
VIDEOS ?=
PORT ?= 8000
TESTS ?=
JOBS ?= 2

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help setup demo test faults lint check bench fix

help:  ## list these commands
	@echo "cpd finds moments in your own video by describing them. Commands:"
	@awk -F ':.*## +' '/^[a-z]+:.*##/ {printf "  make %-6s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo "Variables (PYTHON, INDEX_URL, EXTRAS, VIDEOS, PORT, TESTS, JOBS) are told at the top of Makefile."

setup: $(STAMP)  ## make .venv and install everything into it (at once when it is there)
	@echo "Ready. 'source $(BIN)/activate' puts cpd on the path; 'make demo' shows what it does."

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "cpd needs Python 3.11 or newer, and '$(PYTHON)' is not one: name it, as in 'make $(or $(MAKECMDGOALS),setup) PYTHON=python3.12'" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments: install python3-venv (Debian, Ubuntu: apt install python3-venv), then run this again" >&2; exit 1; }
	@echo "== Installing into $(VENV). The first time this downloads PyTorch and friends; it takes minutes."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@index=$$($(PYTHON) scripts/torch_index.py --extras '$(EXTRAS)' --given '$(INDEX_URL)') || exit; \
	  set -x; $(PIP) install --constraint constraints.txt $${index:+--extra-index-url "$$index"} --editable '.[$(EXTRAS)]'
	@case ',$(EXTRAS),' in *,gpu,*) \
	  echo "== faiss-gpu takes the place of faiss-cpu (both are the module faiss)"; \
	  $(PIP) install --constraint constraints.txt --force-reinstall --no-deps faiss-gpu;; esac
	@touch $@

demo: $(STAMP)  ## make a small library, search it, label a clip, serve the page (VIDEOS=~/Videos PORT=8000)
	@$(BIN)/python scripts/demo.py --port $(PORT) $(if $(VIDEOS),--videos "$(VIDEOS)")

# tests start some two hundred programs: without bytecode each compiles all of cpd anew
test faults: export PYTHONDONTWRITEBYTECODE :=

test: $(STAMP)  ## run the tests
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile $(TESTS)

faults: $(STAMP)  ## try all faults, and the long cases that `make test` leaves out
	$(BIN)/python -m pytest --numprocesses $(JOBS) -m '' tests/faults $$(grep -rl --include='test_*.py' long_faults tests) $(TESTS)

lint: $(STAMP)  ## format, lint, types and import contracts, without changing a file
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test  ## everything that must hold before a commit: lint and test

bench: $(STAMP)  ## measure quality and speed, and record them in benchmarks/RESULTS.md
	$(BIN)/python benchmarks/quality.py
	$(BIN)/python benchmarks/index_speed.py

fix: $(STAMP)  ## format and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
