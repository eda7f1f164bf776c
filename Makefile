# Every target creates .venv and installs the versions pinned in requirements.txt. To choose the Python:
# `make PYTHON=python3.13 test`.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help install serve test test-slow test-versions soak bench bench-quick test-guests guests lint format wheel check
.PHONY: messages lock bench-lock guests-lock clean
.DEFAULT_GOAL := help

help:
	@echo 'make serve           serve the example apps (PORT=8000)'
	@echo 'make test            run the fast tests (ARGS="tests/test_wire.py -x")'
	@echo 'make test-slow       run the slow tests: browsers, servers, PostgreSQL, all faults'
	@echo 'make test-versions   run the core tests with the oldest and the newest FastAPI, on each installed Python'
	@echo 'make test-guests     run two dozen published apps in one composition'
	@echo 'make soak            run long trials against a real server, and print failures (ARGS="--quick")'
	@echo 'make bench           run all benchmarks (half an hour), and write docs/performance.md'
	@echo 'make bench-quick     run short benchmarks (two minutes), and write build/performance.md'
	@echo 'make guests          compare the published apps alone, under FastAPI.mount and under composer; write docs/guests.md'
	@echo 'make messages        update the messages that tests and docs expect, and the map of the package; review the diff'
	@echo 'make lint            run ruff, mypy --strict and the import contracts'
	@echo 'make format          format the code and sort imports'
	@echo 'make wheel           build the wheel, and test it without the source tree'
	@echo 'make check           run lint, all tests and wheel: required for every change'
	@echo 'make lock            update requirements.txt (Python 3.11)'
	@echo 'make bench-lock      update the requirements of the benchmarks'
	@echo 'make guests-lock     update the requirements of the published apps'
	@echo 'make clean           remove build output and caches'

install: $(INSTALLED)

# An existing .venv is reused; if it has no pip, venv adds it. All dependencies are pinned, and --no-deps skips the
# resolver: if a pin isn't the newest release, pip of 2023 requires the extras of the newest one.
$(INSTALLED): requirements.txt pyproject.toml
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv .venv
	@$(BIN)/python -c 'import sys; sys.exit("Python 3.11 or later is required: make PYTHON=..." if sys.version_info < (3, 11) else 0)'
	$(PIP) install --quiet --require-hashes --no-deps --requirement requirements.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

serve: $(INSTALLED)
	$(BIN)/python -m composer serve --port $(or $(PORT),8000)

# In parallel, but each file in one worker: many tests of a file share a server or a database.
PYTEST := $(BIN)/python -m pytest --numprocesses=auto --dist=loadfile

test: $(INSTALLED)
	$(PYTEST) -m "not slow" $(ARGS)

# ARGS="--python 3.12 --releases oldest" runs one cell of it.
test-versions: $(INSTALLED)
	$(BIN)/python -m tests.versions $(ARGS)

test-slow: $(INSTALLED)
	$(PYTEST) -m slow $(ARGS)

soak: $(INSTALLED)
	$(BIN)/python -m tests.soak $(ARGS)

# The frameworks that composer is compared with have their own environments, because their pins conflict.
BENCHES := frameworks bentoml hive

bench: $(INSTALLED) $(BENCHES:%=.venv-bench/%/.installed)
	$(BIN)/python -m benchmarks --write docs/performance.md $(ARGS)

bench-quick: $(INSTALLED)
	$(BIN)/python -m benchmarks --quick --write build/performance.md $(ARGS)

.venv-bench/%/.installed: benchmarks/requirements/%.txt
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes --no-deps --requirement $<
	@touch $@

# Published apps in one composition. Their environment has composer's own dependencies in the versions of
# requirements.txt; what only the development of composer needs isn't there, for Gradio and MLflow ask for older ones.
GUESTS := .venv-guests
SHARED := a2wsgi|anyio|fastapi|fastapi-offline|httpx|prometheus-client|pydantic|pydantic-core|pydantic-settings|pyyaml
SHARED := $(SHARED)|rich|sqlalchemy|starlette|structlog|tenacity|typer|uvicorn

# Dash brings a plugin for pytest that the newest pytest warns of.
test-guests: $(GUESTS)/.installed
	$(GUESTS)/bin/python -m pytest --disable-plugin-autoload tests/guests $(ARGS)

guests: $(GUESTS)/.installed
	$(GUESTS)/bin/python -m tests.guests --write docs/guests.md $(ARGS)

$(GUESTS)/.installed: tests/guests/requirements.txt
	$(PYTHON) -m venv --clear $(GUESTS)
	$(GUESTS)/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes --no-deps --requirement $<
	@touch $@

messages: $(INSTALLED)
	$(BIN)/python -m tests.architecture --write
	$(BIN)/python -m tests.mistakes --write

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PIP) check

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel: $(INSTALLED)
	.ci/wheel

# With all examples of each property test, as in CI.
check: export CI = 1
check: lint test test-slow wheel

# Hashes are taken from the public index, whatever pip's configuration is.
COMPILE := env -u PIP_FIND_LINKS -u PIP_EXTRA_INDEX_URL PIP_CONFIG_FILE=/dev/null \
    $(BIN)/pip-compile --quiet --upgrade --strip-extras --allow-unsafe --generate-hashes \
    --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options --no-header --annotation-style=line

lock: $(INSTALLED)
	$(BIN)/python -c 'import sys; sys.exit("lock with Python 3.11" if sys.version_info[:2] != (3, 11) else 0)'
	$(COMPILE) --all-extras --output-file=.venv/requirements.txt pyproject.toml
	{ echo '# Made by `make lock` with Python 3.11; for Python 3.11 to 3.13 on Linux (x86_64, aarch64).'; \
	  echo '# The package, its extras and all that they need: pip install --require-hashes -r requirements.txt'; \
	  cat .venv/requirements.txt; } > requirements.txt

bench-lock: $(INSTALLED)
	for name in $(BENCHES); do \
	    $(COMPILE) --output-file=benchmarks/requirements/$$name.txt benchmarks/requirements/$$name.in || exit 1; done

guests-lock: $(INSTALLED)
	mkdir -p build
	grep -oE '^($(SHARED))==[^ ;]+' requirements.txt > build/guests-constraints.txt
	$(COMPILE) --extra=standard --constraint=build/guests-constraints.txt --output-file=build/guests-requirements.txt \
	    pyproject.toml tests/guests/requirements.in
	{ echo '# Made by `make guests-lock` with Python 3.11 on Linux; installed by `make test-guests`.'; \
	  cat build/guests-requirements.txt; } > tests/guests/requirements.txt

clean:
	rm -rf build dist .coverage .coverage.* htmlcov .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
