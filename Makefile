# The commands of a developer. `make help` lists them; each installs what it needs into .venv first.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
# Data that is not ours to ship (rules, events with their public origin); what needs it is skipped where it is absent.
CARECORDON_SHARED ?= $(abspath ../shared)
export CARECORDON_SHARED

BIN := .venv/bin
READY := .venv/ready
DEMO := demo
SIGMA := $(CARECORDON_SHARED)/data/sigma
LINES := $(CARECORDON_SHARED)/data/otrf-150k.jsonl.zst
BENCH_RULES := $(addprefix --rules $(SIGMA)/,rules/windows rules/category rules-threat-hunting/windows rules-emerging-threats)

.PHONY: help demo report setup check test oracle strangers fuzz fuzz-wire chaos bench lock clean

help: ## list these commands
	@sed -nE 's/^([a-z-]+):.*## (.*)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: setup ## run a hub with 200 made-up devices, and watch it find an outbreak
	@rm -rf $(DEMO)
	@$(BIN)/carecordon demo --out $(DEMO) $(if $(CI),--seconds 30)

report: setup ## write a made-up hospital's bad Friday to a file, scan it, and make the report for a browser
	@rm -rf $(DEMO) && mkdir $(DEMO)
	@$(BIN)/carecordon exercise write friday --seed 7 --from 08:30 --to 10:00 --out $(DEMO)/friday.jsonl
	@$(BIN)/carecordon scan $(DEMO)/friday.jsonl --devices $(DEMO)/friday.jsonl.devices.csv \
	  --html $(DEMO)/report.html --brief || [ $$? -eq 1 ] # 1: something was found
	@echo "The report, for a browser: $(abspath $(DEMO)/report.html)"

setup: $(READY) ## prepare .venv from requirements.lock

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Carecordon needs Python 3.11 or newer: make setup PYTHON=python3.12" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

check: setup ## format, lint, types and the laws of the house
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_house.py

test: setup ## all tests
	$(BIN)/python -m pytest -n 2

oracle: setup ## compare the engine with the plain evaluator on all outside data
	$(BIN)/python -m tests.oracle

strangers: setup ## judge the exercise world by rules of others and by ours: attacks seen, ordinary days noisy
	$(BIN)/python -m tests.exercise.strangers
	CARECORDON_WHOLE=1 $(BIN)/python -m pytest -q tests/exercise/test_own_rules.py

fuzz: setup ## feed broken input to every reader
	$(BIN)/python -m tests.fuzz

fuzz-wire: setup ## feed what a hostile device may send to the codec, to sessions, and to all that is behind them
	$(BIN)/python -m tests.fuzz --feed codec --feed codec-unpacked --feed session --inputs 100000
	$(BIN)/python -m tests.fuzz --feed merge --feed store --inputs 10000

# CHAOS_SEED, CHAOS_KILLS, CHAOS_CUTS, CHAOS_DEVICES and CHAOS_RATE make it shorter or other; CHAOS names scenarios.
# What could not be run is named, with what it needs (a small disk: root, or unshare -mr; cuts: strace), and fails.
chaos: setup ## kill, cut the power of, starve and confuse whole hubs: nothing lost, nothing twice
	$(BIN)/python -m pytest -q tests/chaos/test_stream_power.py
	$(BIN)/python -m tests.chaos $(CHAOS)

bench: setup ## print the figures of the detection engine and of whole scans
	$(BIN)/carecordon bench detect --json --events $(LINES) $(BENCH_RULES)
	$(BIN)/carecordon bench scan --json --evtx $(CARECORDON_SHARED)/data/evtx-to-mitre --lines $(LINES) $(BENCH_RULES)
	$(BIN)/carecordon bench exercise --json
	$(BIN)/carecordon bench triage --json --events $(LINES)

# --build-deps-for makes pip-compile ask the build backend: read by itself, it loses the markers of the extras.
lock: setup ## resolve requirements.lock anew from pyproject.toml
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/python -m piptools compile --quiet --upgrade --generate-hashes \
	  --allow-unsafe --strip-extras --build-deps-for=editable --extra fast --extra hub --extra dev --no-emit-options \
	  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file requirements.lock pyproject.toml

clean: ## remove .venv and what tools left behind
	rm -rf .venv $(DEMO) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist carecordon.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
