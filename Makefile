# `make run` runs an example, `make test` all checks and tests, and `make quick` a fast subset. They
# need Python 3.11 or later, make and git, and install everything else into .venv.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
UV := $(BIN)/uv
ARGS ?=

# Tests mostly wait for processes, so four workers keep two cores busy.
WORKERS ?= 4
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

# Unit tests, and for each backend one managed run and one native integration.
QUICK := src tests/adapters/test_smoke.py tests/bench tests/engine tests/evaluators tests/report \
  tests/spaces tests/strategies $(wildcard tests/test_*.py)
SLOW := tests/engine/test_kill.py tests/evaluators/test_keras.py tests/report/test_browser.py \
  tests/spaces/keras tests/spaces/variants tests/test_portability.py tests/test_documents.py

# Keep compiled bytecode: the tests start hundreds of processes that import the frameworks.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := test
.PHONY: run test quick soak mutants check lint mypy pyright browser lock clean

# TensorFlow prints a notice of oneDNN otherwise.
run: export TF_ENABLE_ONEDNN_OPTS ?= 0
run: export TF_CPP_MIN_LOG_LEVEL ?= 2
run: $(VENV)/run.stamp
	$(BIN)/python examples/digits.py

# One thread per numerical library: more would slow down the other workers.
test quick soak: export OMP_NUM_THREADS = 1
test quick soak: export OPENBLAS_NUM_THREADS = 1
test quick soak: export TF_NUM_INTRAOP_THREADS = 1
test quick soak: export TF_NUM_INTEROP_THREADS = 1
test quick soak: export TF_CPP_MIN_LOG_LEVEL = 2
test: check browser
	$(PYTEST) $(ARGS)

quick: $(VENV)/torch.stamp
	$(PYTEST) $(filter-out $(SLOW),$(QUICK)) $(addprefix --ignore=,$(SLOW)) $(ARGS)

# Kills runs and damages files: make soak ARGS="--seconds 600"
soak: $(VENV)/torch.stamp
	$(BIN)/python benchmarks/chaos.py $(ARGS)

# Changes strategies in ways that a test must notice: make mutants ARGS=bananas
mutants: export OMP_NUM_THREADS = 1
mutants: $(VENV)/torch.stamp
	$(BIN)/python tests/mutants.py $(ARGS)

check: $(VENV)/torch.stamp
	@$(MAKE) --no-print-directory --jobs 2 lint mypy pyright

lint mypy pyright: $(VENV)/torch.stamp
lint:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
mypy:
	$(BIN)/mypy
pyright:
	$(BIN)/pyright

# One stamp per lock file: a changed lock file is installed again. uv is four times as fast as pip.
# pip installs PyTorch, because its configuration may name an index of CPU builds. Bytecode is
# compiled on import, because only a small part of the installed files is imported.
$(VENV)/%.stamp: lock/%.txt pyproject.toml | $(UV)
	@echo "Installing lock/$*.txt into $(VENV): a minute or two the first time"
	$(UV) pip install --quiet --python $(BIN)/python --requirement lock/$*.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

$(VENV)/torch.stamp: lock/torch.txt $(VENV)/test.stamp
	$(PIP) install --no-compile --requirement $<
	@touch $@

$(UV): | $(BIN)/python
	$(PIP) install 'uv>=0.13,<0.14'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; (3, 11) <= sys.version_info < (3, 14) or sys.exit( \
	  "nasbridge needs Python 3.11, 3.12 or 3.13: choose one with make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)

# Browser tests need Chromium; set CHROMIUM=... if it is not on the PATH.
AS_ROOT := $(shell test "$$(id -u)" = 0 || echo sudo) env DEBIAN_FRONTEND=noninteractive
browser:
	@for name in "$$CHROMIUM" chromium chromium-browser google-chrome; do \
	  command -v "$$name" >/dev/null && exit 0; \
	done; \
	if command -v apt-get >/dev/null; then \
	  echo "Installing Chromium for the browser tests"; \
	  $(AS_ROOT) apt-get update -qq && \
	  $(AS_ROOT) apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; \
	else \
	  echo "The tests need Chromium, and apt-get is not available to install it:" \
	    "install Chromium, or set its path with make test CHROMIUM=..." >&2; exit 1; \
	fi

# Pins change only if a bound requires it; `make lock ARGS=--upgrade` upgrades all pins.
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 \
  --no-annotate --no-header --no-emit-index-url --extra keras --extra keras-tuner --extra optuna $(ARGS)
lock: | $(UV)
	$(COMPILE) --extra autogluon --extra autokeras --extra jax --extra nni --extra ray --group dev \
	  pyproject.toml lock/test.in --output-file lock/test.txt
	$(COMPILE) --constraint lock/test.txt pyproject.toml lock/run.in --output-file lock/run.txt

# Removes the files of builds and tests, but not the environment (rm -r .venv).
clean:
	rm -rf build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find spaces strategies adapters src tests examples -name __pycache__ -prune -exec rm -r {} +
