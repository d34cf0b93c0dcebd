# Coin.AI. `make help` lists the targets; each needs only Python 3.11, make and a C library.

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3.11)
VENV := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help run test test-thorough bench bench-explorer bench-keepers bench-kills bench-network check format manage backup restore

help: ## every target with one line
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

run: .python ## install what is missing, then run the whole system on http://127.0.0.1:8000 until Ctrl-C
	@$(PYTHON) install.py run
	@# On a leash: also when make itself is killed, the system ends as with Ctrl-C.
	@exec $(VENV) -S -E supervisor/leash.py $$PPID 15 "" $(VENV) -m supervisor

test: .python ## install what is missing, then run the linters, the type checker and all tests
	@$(PYTHON) install.py test
	@# Whole systems mostly wait, and the type checker has one process: side by side with all other tests they
	@# take what those leave. What fails ends none of the others.
	@$(MAKE) --no-print-directory --keep-going -j3 check-and-systems test-rest

test-thorough: .python ## the random tests of the rules and of the API once more, with five times as many examples
	@$(PYTHON) install.py test
	TESTS_THOROUGH=5 $(VENV) -m pytest -q -n auto tests/protocol tests/vectors tests/apps/*/test_schema.py

bench: .python ## measure, and print the tables of the README
	@$(PYTHON) install.py bench
	$(VENV) -m benchmarks

bench-explorer: .python ## measure pages, API and live updates on synthetic chains (BLOCKS="--full --keep FOLDER": a million blocks, kept)
	@$(PYTHON) install.py run
	$(VENV) -m benchmarks.explorer $(BLOCKS)
	$(VENV) -m benchmarks.live

bench-kills: ## kill the pool 1000 times at its writes, and its processes 100 times: nobody is paid twice, no share is lost
	@$(PYTHON) install.py run
	$(VENV) -m benchmarks.kills $(KILLS)
	$(VENV) -m benchmarks.shares

bench-network: .python ## measure nodes: synchronisation, propagation, a soak with churn (NETWORK="--soak 1h", "--siege 10m")
	@$(PYTHON) install.py test
	$(VENV) -m benchmarks.network $(NETWORK)

bench-keepers: .python ## play 1000 keepers for 30 days under several churns (KEEPERS="--year": one year, for hours; "--quick")
	@$(PYTHON) install.py run
	$(VENV) -m benchmarks.keepers $(KEEPERS)

manage: .python ## a command of manage.py on this site, running or not: DO="verifychain --sample 10"
	@$(PYTHON) install.py run
	@$(VENV) -m supervisor.manage $(DO)

backup: .python ## database, objects and keys into a folder, while the site runs: TO=/path
	@$(PYTHON) install.py run
	@$(VENV) -m supervisor.backup make $(TO)

restore: .python ## a backup back into an empty COINAI_HOME: FROM=/path
	@$(PYTHON) install.py run
	@$(VENV) -m supervisor.backup restore $(FROM)

check: ## linters, type checker and import directions alone, without installing
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
	$(VENV) -m mypy
	.venv/bin/lint-imports

.PHONY: check-and-systems test-systems test-rest
check-and-systems:
	@# Their lines come when they are done, whole, between the dots of the tests that run beside them.
	@$(MAKE) --no-print-directory --output-sync=line check test-systems

test-systems:
	@# What they start are programs of their own, and no jobs of this make.
	env -u MAKEFLAGS -u MFLAGS $(VENV) -m pytest -q -m network

test-rest:
	env -u MAKEFLAGS -u MFLAGS $(VENV) -m pytest -q -n auto -m "not network"

format: ## put the sources into the one format
	$(VENV) -m ruff check --fix --select I .
	$(VENV) -m ruff format .

.PHONY: .python
.python:
	@command -v "$(PYTHON)" >/dev/null || { \
	  echo "make: there is no Python 3.11: install it (Debian: apt install python3.11 python3.11-venv)," \
	       "or say where it is: make run PYTHON=/path/to/python3.11"; exit 1; }
