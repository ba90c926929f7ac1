# Everything here works from a plain checkout; .venv is made on the first need.
SHELL := /bin/bash
PYTHON := .venv/bin/python
# Some machines forbid it to keep what Python compiles; every play would then compile all of Ansible anew, a third of its time.
unexport PYTHONDONTWRITEBYTECODE
# Tests run side by side: many of them wait for hosts, so one worker more than processors, at most four. WORKERS=0 runs them one
# by one.
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); echo $$(( n > 3 ? 4 : n + 1 )))
PYTEST := $(PYTHON) -m pytest --numprocesses $(WORKERS) --dist loadscope --no-loadscope-reorder
.DEFAULT_GOAL := help
.PHONY: help setup demo serve test test-full test-clients molecule bench format clean
.PHONY: lint lint-ruff lint-mypy lint-ansible lint-changelog lint-sanity

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: ## Make .venv with everything for development, or bring it up to date
	@scripts/setup.sh dev

demo: ## Set up what is missing and run Integrated Maintenance on the lab, or where there can be none a rolling deployment
	@scripts/demo.sh $(DEMO)

serve: ## Set up what is missing and serve the controller, with the demo's catalog, on 127.0.0.1:8052
	@scripts/serve.sh

test: setup ## Every test this machine can run, but the slow ones; says what was skipped and why
	$(PYTEST) -m "not slow"

test-full: setup ## The slow ones too: AWX's clients, packaging, other Pythons and ansible-core versions
	$(PYTEST)

test-clients: setup ## The recordings of an AWX, and its real clients, against a served controller
	$(PYTEST) tests/contract

molecule: setup ## The Molecule scenarios of extensions/molecule, on the lab; SCENARIO=drain runs one
	@scripts/molecule.sh $(SCENARIO)

lint: lint-ruff lint-mypy lint-changelog lint-ansible lint-sanity ## Every check that reads the code without running it

lint-ruff: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

lint-mypy: setup
	@scripts/mypy.sh

lint-ansible: setup
	@scripts/ansible_lint.sh

lint-changelog: setup
	.venv/bin/antsibull-changelog lint

lint-sanity: setup
	@scripts/sanity.sh

format: setup ## Format the Python files and sort their imports
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

bench: setup ## Measure the engine and the overhead of a run
	$(PYTHON) -m tests.bench

clean: ## Remove what was made here (.venv, caches, build results)
	rm -rf .venv .cache .demo .ansible .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist tests/output ./*.egg-info ./*.tar.gz
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
