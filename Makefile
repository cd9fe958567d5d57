# The whole project in a handful of words. Every target sets up what it needs.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

RUN := $(BIN)/python -m airflow_provider_fabml.local

.PHONY: help setup node servers demo up down status clean test test-lowest test-dags test-cancels test-faults test-faults-quick test-arrivals test-soak bench bench-arrivals pictures lint format lock

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.installed ## make the virtual environment from the hashed lock

$(VENV)/.installed: requirements.lock .ci/uv.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else f"Python 3.11 or newer is needed, $(PYTHON) is {v.major}.{v.minor}. Remedy: make PYTHON=python3.12 ...")'
	@echo "Installing into $(VENV) (once; a minute or two with an empty cache)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement .ci/uv.txt
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes --requirement requirements.lock
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --editable .
	@touch $@

node: setup # Azurite is a Node.js program; without Node.js a wheel brings it
	@$(BIN)/python -c 'import sys; from airflow_provider_fabml.local.node import find_node; sys.exit(find_node() is None)' || \
	  VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes --requirement .ci/node.txt

demo: setup node ## score a folder end to end on a real Airflow, then stop everything
	@$(RUN) demo

up: setup node ## start storage, Azure ML and Airflow and leave them running
	@$(RUN) up

down: setup ## stop what `make up` started
	@$(RUN) down

status: setup ## say what `make up` left running
	@$(RUN) status

test: setup node ## run all tests
	@mkdir -p .local && bash .ci/tests $(BIN)/pytest .local/system-tests.log

test-lowest: setup node ## run the tests that need no running Airflow against the lowest versions allowed
	@mkdir -p .local
	@$(BIN)/uv pip compile --quiet --resolution lowest-direct --all-extras --group test --no-header pyproject.toml -o .local/lowest.txt
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .local/lowest
	@$(BIN)/uv pip install --quiet --python .local/lowest/bin/python --requirement .local/lowest.txt
	@$(BIN)/uv pip install --quiet --python .local/lowest/bin/python --no-deps --editable .
	@.local/lowest/bin/pytest -q -m 'not system' tests/core tests/clients tests/hooks tests/operators tests/queues tests/sensors tests/triggers

servers: # PostgreSQL and Redis, which a distributed Airflow needs
	@{ ls /usr/lib/postgresql/*/bin/initdb || command -v initdb; } >/dev/null 2>&1 && command -v redis-server >/dev/null || { \
	  [ "$$(id -u)" = 0 ] || { echo 'PostgreSQL or Redis is missing. Remedy: apt-get install postgresql redis-server'; exit 1; }; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql redis-server >/dev/null; }

test-dags: setup node ## play each example DAG on a real Airflow (~15 minutes)
	@$(BIN)/pytest -q -s -p no:cacheprovider -o faulthandler_timeout=0 tests/system/examples/played.py

test-cancels: setup node servers ## end and disturb waiting tasks in every way on a real Airflow (PostgreSQL; ~8 minutes)
	@$(BIN)/pytest -q -s -p no:cacheprovider -o faulthandler_timeout=0 tests/system/cancels/matrix.py

test-faults: setup node servers ## kill, stop and cut a distributed Airflow under load (PostgreSQL, Celery; ~25 minutes)
	@$(BIN)/pytest -q -s -p no:cacheprovider -o faulthandler_timeout=0 tests/faults/scenarios.py tests/faults/distributed.py

test-faults-quick: setup node ## kill task processes at every point they have, 300 seeded lives besides (~10 minutes)
	@PYTHONPATH=tests $(BIN)/python -m faults.in_process 2>/dev/null

test-arrivals: setup node servers ## land partitions while Airflow's processes and storage die (PostgreSQL; ~30 minutes)
	@$(BIN)/pytest -q -s -p no:cacheprovider -o faulthandler_timeout=0 tests/arrivals/proof.py

test-soak: setup node ## 2,000 invocations under faulty answers, then three clients side by side (~20 minutes)
	@$(BIN)/python tests/faults/soak/soak.py
	@$(BIN)/python tests/faults/soak/side_by_side.py

bench: setup ## time what is claimed to be cheap
	@$(BIN)/pytest -q -s tests/benchmarks/import_budget.py

bench-arrivals: setup node servers ## time the way from complete data to a queued scoring run (PostgreSQL; ~20 minutes)
	@$(BIN)/pytest -q -s -p no:cacheprovider -o faulthandler_timeout=0 tests/arrivals/latency.py

pictures: setup node ## take the README's picture anew (wants Playwright and Chromium)
	@$(BIN)/python tests/docs/take_pictures.py

lint: setup ## check format, rules, types and import directions
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

clean: ## stop the stack and remove everything that was made here but .venv
	@if [ -e .local/stack.json ]; then $(RUN) down; fi
	@rm -rf .local dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

lock: ## resolve the dependencies anew (hashes, no download addresses)
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url --no-emit-find-links --python-version 3.11 --custom-compile-command "make lock" --all-extras --group dev pyproject.toml -o requirements.lock
	echo uv | $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --python-version 3.11 --custom-compile-command "make lock" -c requirements.lock - -o .ci/uv.txt
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url --no-emit-find-links --python-version 3.11 --custom-compile-command "make lock" --group node -o .ci/node.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --python-version 3.11 --custom-compile-command "make lock" -c requirements.lock --extra demo pyproject.toml docker/requirements.in -o docker/requirements.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --python-version 3.11 --custom-compile-command "make lock" -c requirements.lock docker/build.in -o docker/build.lock

format: setup ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .
