# The two commands a newcomer needs: `make run` and `make test`.
# `make run` honours HOST, PORT and CONFIG; what is not given is as the settings say.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
HOST   ?=
PORT   ?=
CONFIG ?=
JOBS   ?= 2

NPM := $(shell command -v npm 2>/dev/null)
WEB_SOURCES := $(shell find web -path web/node_modules -prune -o -path web/dist -prune -o -path web/tests -prune -o -type f -print 2>/dev/null)
PYTEST := $(BIN)/python -m pytest
SETTINGS := $(if $(CONFIG),--config $(CONFIG))

# $(call step,NAME,COMMAND): run it, say how long it took, stop if it fails.
define step
@echo "== $(1)"; began=$$(date +%s); { $(2); } || { echo "== $(1): failed after $$(( $$(date +%s) - began )) s" >&2; exit 1; }; \
echo "== $(1): $$(( $$(date +%s) - began )) s"
endef

.NOTPARALLEL:
.PHONY: run test test-all lint types unit models-tests browser-tests postgres-tests web-tests web weights lock clean help

help:            ## what each target does
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

run: $(VENV)/.run web  ## fetch what is missing (saying how much), then serve; ends in the ready line
	@$(BIN)/moksori models pull $(SETTINGS) >&2
	@exec $(BIN)/moksori serve $(SETTINGS) $(if $(HOST),--host $(HOST)) $(if $(PORT),--port $(PORT))

test: $(VENV)/.dev web weights lint types unit web-tests postgres-tests models-tests browser-tests  ## everything but the slow, at most 15 minutes
	@echo "== all tests passed"

test-all: test   ## the slow ones too
	$(call step,slow tests,$(PYTEST) tests -m slow -p no:xdist || [ $$? -eq 5 ])

lint: $(VENV)/.dev  ## ruff, formatting, and which room may import which
	$(call step,ruff,$(BIN)/ruff check src tests)
	$(call step,format,$(BIN)/ruff format --check src tests)
	$(call step,imports,$(BIN)/lint-imports)

types: $(VENV)/.dev  ## mypy --strict
	$(call step,mypy,$(BIN)/mypy)

unit: $(VENV)/.dev  ## tests that need no weights, browser or database
	$(call step,unit tests,$(PYTEST) tests -m "not models and not browser and not postgres and not slow" -n $(JOBS) --dist loadfile)

models-tests: $(VENV)/.dev weights  ## tests with the real models
	$(call step,tests with models,$(PYTEST) tests -m "models and not browser and not slow" -p no:xdist)

browser-tests: $(VENV)/.dev web weights  ## tests in a real Chromium
	$(call step,tests in a browser,$(PYTEST) tests -m "browser and not slow" -p no:xdist || [ $$? -eq 5 ])

postgres-tests: $(VENV)/.dev  ## tests on PostgreSQL, where one is running
	$(call step,tests on PostgreSQL,if pg_isready -q 2>/dev/null; then $(PYTEST) tests -m "postgres and not slow" -p no:xdist || [ $$? -eq 5 ]; \
	elif [ -n "$$CI" ]; then echo "PostgreSQL is not running"; exit 1; else echo "left out: no PostgreSQL is running here"; fi)

web-tests: web   ## types and tests of the browser side, where npm is
	$(call step,web types and tests,if [ -n "$(NPM)" ]; then cd web && npm run --silent types && npm test --silent; \
	elif [ -n "$$CI" ]; then echo "npm is missing"; exit 1; else echo "left out: npm is not installed"; fi)

weights: $(VENV)/.run
	@$(BIN)/moksori models pull --profile full >&2

# The page: built when it is missing or older than its sources, and only where npm is.
ifneq ($(NPM),)
web: web/dist/index.html  ## build the voice page
web/node_modules/.package-lock.json: web/package-lock.json
	@echo "Installing what builds the voice page ..." >&2
	@cd web && npm ci --no-audit --no-fund --silent >&2
	@touch $@
web/dist/index.html: $(WEB_SOURCES) | web/node_modules/.package-lock.json
	@echo "Building the voice page ..." >&2
	@cd web && npm run --silent build >&2
	@touch $@
else
web:
	@[ -f web/dist/index.html ] || echo "npm is not installed: the server runs without its voice page." >&2
endif

$(VENV)/.run: requirements/run.lock pyproject.toml
	@echo "Installing moksori into $(VENV) ..." >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --require-hashes -r requirements/run.lock >&2
	@$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e . >&2
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.lock
	@echo "Installing what the tests need ..." >&2
	@$(BIN)/python -m pip install -q --require-hashes -r requirements/dev.lock >&2
	@touch $@

lock:            ## recompute the hashed lock files from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --all-extras --group build --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header --no-annotate -q -o requirements/run.lock
	uv pip compile pyproject.toml --all-extras --group build --group dev -c requirements/run.lock --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header --no-annotate -q -o requirements/dev.lock

clean:           ## remove what was built or installed here; the weights stay
	rm -rf $(VENV) web/dist web/node_modules dist out .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
