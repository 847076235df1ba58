# Two commands matter: `make run` shows the library at work, `make test` proves that it works.
# Needed beforehand: Python 3.11 or later, make and git. All else goes into .venv.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
UV := $(BIN)/uv
ARGS ?=

# Python is to keep what it has compiled, whatever the machine says: the tests start hundreds of
# processes, and each would compile the frameworks anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := test
.PHONY: run test check lint mypy pyright browser lock clean

run: export TF_CPP_MIN_LOG_LEVEL ?= 2
run: $(VENV)/run.stamp
	$(BIN)/python examples/digits.py

# Two workers on as many cores: a library that starts threads of its own would only slow both.
test: export OMP_NUM_THREADS = 1
test: export OPENBLAS_NUM_THREADS = 1
test: export TF_NUM_INTRAOP_THREADS = 1
test: export TF_NUM_INTEROP_THREADS = 1
test: export TF_CPP_MIN_LOG_LEVEL = 2
test: check browser
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

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

# One environment, one stamp for each lock; the stamp is older than its lock: install again. uv wrote
# the locks and installs them in a quarter of pip's time; PyTorch is pip's, which finds builds without
# CUDA where pip is told of some. Python compiles what it imports, far from all that there is.
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
	  "nasbridge needs Python 3.11, 3.12 or 3.13: name one with make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)

# The dashboard and the report are tested in a browser; CHROMIUM=... names one off the PATH.
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
	  echo "The tests need Chromium, and there is no apt-get to install it with:" \
	    "install it by hand, or name it with make test CHROMIUM=..." >&2; exit 1; \
	fi

# Pins stay as they are unless a bound moved; `make lock ARGS=--upgrade` takes the newest.
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 \
  --no-annotate --no-header --no-emit-index-url --extra keras --extra keras-tuner --extra optuna $(ARGS)
lock: | $(UV)
	$(COMPILE) --extra autogluon --extra autokeras --extra jax --extra nni --extra ray --group dev \
	  pyproject.toml lock/test.in --output-file lock/test.txt
	$(COMPILE) --constraint lock/test.txt pyproject.toml lock/run.in --output-file lock/run.txt

# Everything that a build or a test leaves behind, but not the environment: rm -r .venv.
clean:
	rm -rf build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find spaces strategies adapters src tests examples -name __pycache__ -prune -exec rm -r {} +
