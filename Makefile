# The two commands a newcomer needs: `make run` and `make test`.
# `make run` honours HOST, PORT and CONFIG; what is not given is as the settings say.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
HOST   ?=
PORT   ?=
CONFIG ?=
CLIENTS ?= .venv-clients
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

# Tests and servers are many processes: what one of them has compiled the others load.
unexport PYTHONDONTWRITEBYTECODE

.NOTPARALLEL:
.PHONY: bench run test test-all lint types unit clients-tests models-tests browser-tests postgres-tests web-tests web weights lock clean help

help:            ## what each target does
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

run: $(VENV)/.run web  ## fetch what is missing (saying how much), then serve; ends in the ready line
	@$(BIN)/moksori models pull $(SETTINGS) >&2
	@exec $(BIN)/moksori serve $(SETTINGS) $(if $(HOST),--host $(HOST)) $(if $(PORT),--port $(PORT))

test: $(VENV)/.dev web weights lint types unit web-tests postgres-tests models-tests browser-tests  ## everything but the slow, at most 15 minutes
	@echo "== all tests passed"

test-all: test $(CLIENTS)/.installed tests/clients/node/node_modules/.package-lock.json  ## the slow ones too
	$(call step,slow tests,MOKSORI_CLIENTS=$(CLIENTS) $(PYTEST) tests -m slow -p no:xdist || [ $$? -eq 5 ])

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
	$(call step,pages in a browser,$(PYTEST) tests/browser -m "not slow and not models" -n $(JOBS) --dist loadfile || [ $$? -eq 5 ])
	$(call step,pages with the real models,$(PYTEST) tests/browser -m "models and not slow" -p no:xdist || [ $$? -eq 5 ])

postgres-tests: $(VENV)/.dev  ## tests on PostgreSQL, where one is running
	$(call step,tests on PostgreSQL,if pg_isready -q 2>/dev/null; then $(PYTEST) tests/postgres -m "not slow" -p no:xdist || [ $$? -eq 5 ]; \
	elif [ -n "$$CI" ]; then echo "PostgreSQL is not running"; exit 1; else echo "left out: no PostgreSQL is running here"; fi)

bench: $(VENV)/.dev weights  ## the figures of docs/reference/performance.md, about half an hour: leave the machine alone
	@$(BIN)/moksori bench set out/bench/en --language en >&2
	@$(BIN)/moksori bench voice --set out/bench/en --turns 200 --baseline sequential --json docs/reference/bench/voice-en.json

web-tests: web   ## types and tests of the browser side, where npm is
	$(call step,web types and tests,if [ -n "$(NPM)" ]; then cd web && npm run --silent types && npm test --silent; \
	elif [ -n "$$CI" ]; then echo "npm is missing"; exit 1; else echo "left out: npm is not installed"; fi)

clients-tests: $(VENV)/.dev weights $(CLIENTS)/.installed tests/clients/node/node_modules/.package-lock.json  ## published Realtime clients, unmodified
	@rm -rf out/conformance
	$(call step,published clients,MOKSORI_CLIENTS=$(CLIENTS) $(PYTEST) tests/clients tests/conformance -p no:xdist)
	@$(BIN)/python -m tests.conformance.document

# Their packages are not ours: PyAV and others of theirs must never be importable from moksori.
$(CLIENTS)/.installed: tests/clients/requirements.lock
	@echo "Installing the clients that the tests run ..." >&2
	@$(PYTHON) -m venv $(CLIENTS)
	@$(CLIENTS)/bin/python -m pip install -q --require-hashes -r $< >&2
	@touch $@
ifneq ($(NPM),)
tests/clients/node/node_modules/.package-lock.json: tests/clients/node/package-lock.json
	@cd tests/clients/node && npm ci --no-audit --no-fund --silent >&2
	@touch $@
else
tests/clients/node/node_modules/.package-lock.json:
	@echo "npm is not installed: the clients of npm are left out." >&2
endif

weights: $(VENV)/.run
	@$(BIN)/moksori models pull --profile full --no-phrases >&2

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
	rm -rf $(VENV) $(CLIENTS) tests/clients/node/node_modules web/dist web/node_modules dist out .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
