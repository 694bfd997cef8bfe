# Main targets: `make run` and `make test`. `make help` lists all.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.SUFFIXES:
.NOTPARALLEL:

VENV := .venv# relative: the path of this folder may have spaces, which make cannot have in a target
BIN := $(VENV)/bin
RELANCE_HOME ?= .relance
export RELANCE_HOME
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Container images often set it. Without byte code each of many processes compiles every module again.
unexport PYTHONDONTWRITEBYTECODE

TESTS := at_scale end_to_end console service workers api architecture unit
FAST := unit architecture service
POOLED := tests/api/test_isolation.py tests/api/test_row_security.py tests/api/test_idempotency.py tests/api/test_leads_api.py \
	tests/api/test_tasks_api.py tests/workers/test_exactly_once.py tests/workers/test_sweeps.py
UNUSED := celery docker_tools schemathesis # plugins that these tests do not need; each process would import them
# Four processes, because many tests wait. Each has its own database and broker. tests/support/order.py
# says which process runs which file, and in which order.
PYTEST := $(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder

run: $(VENV)/.run ## start everything: PostgreSQL, Valkey, API, workers, beat, Flower, mailbox, echo gateway
	@RELANCE_ENV=$${RELANCE_ENV:-demo} $(BIN)/relance serve

demo: $(VENV)/.run ## show the automation in a minute, on the running stack
	@RELANCE_ENV=$${RELANCE_ENV:-demo} $(BIN)/relance demo

install: $(VENV)/.run ## install for production: .venv/bin/relance, without tools for development

test: $(VENV)/.dev ## test every behaviour, on real servers and real workers
	@$(PYTEST) --daily $(wildcard $(TESTS:%=tests/%))

test-all: $(VENV)/.dev ## run all tests: also faults, random requests, volumes, whole installations, all pages
	@$(PYTEST) $(wildcard $(TESTS:%=tests/%))

test-fast: $(VENV)/.dev ## run the tests that need neither the API nor worker processes: unit, architecture, service
	@$(PYTEST) $(UNUSED:%=-p no:%) $(FAST:%=tests/%)

near: $(VENV)/.dev ## run the tests that are nearest to what you have changed, in about two minutes
	@$(BIN)/python -m tests.support.near -q -n 4 --dist loadfile --no-loadscope-reorder

hook: $(VENV)/.dev ## check the code before each commit in this clone: ruff, import-linter, mypy
	@git config core.hooksPath .githooks

test-pooled: $(VENV)/.dev ## run tests of the API and of workers through PgBouncer, which must be installed
	@RELANCE_TEST_POOLER=1 $(PYTEST) $(POOLED)

fuzz: $(VENV)/.dev ## call each API operation with three times as many random requests as `make test-all` does
	@$(PYTEST) --hypothesis-profile=thorough tests/api/test_envelope_fuzz.py

check: $(VENV)/.dev ## run ruff, mypy and import-linter; compare migrations, generated docs and the console's build with the code
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/relance openapi --check docs/openapi.json --http docs/relance.http --rules docs/rules.md --sequences docs/sequences.md --playbooks docs/playbooks.md
	@$(BIN)/pytest -q tests/architecture/test_migrations.py -k match_the_models
	@sh console/build.sh --check

bench: $(VENV)/.bench ## run the benchmarks beside other queues; writes bench/README.md
	@$(BIN)/python -m bench

format: $(VENV)/.dev ## format the code with ruff
	@$(BIN)/ruff check --fix-only --quiet . ; $(BIN)/ruff format .

console: $(VENV)/.dev ## build the console (console/) into app/api/console/static; needs no Node on the machine
	@sh console/build.sh

openapi: $(VENV)/.run ## generate docs/openapi.json, relance.http, rules.md, sequences.md and playbooks.md from the code
	@$(BIN)/relance openapi docs/openapi.json --http docs/relance.http --rules docs/rules.md --sequences docs/sequences.md --playbooks docs/playbooks.md

release: openapi $(VENV)/.dev ## write releases/VERSION of the version in pyproject.toml: API description and database schema
	@$(BIN)/python -m tests.support.release

lock: $(VENV)/.dev ## update requirements/*.txt to the newest allowed versions
	@$(call lock,run,)
	@$(call lock,otel,--extra otel --constraint requirements/run.txt)
	@$(call lock,dev,--extra dev --constraint requirements/otel.txt)
	@$(call lock,bench,--extra bench --constraint requirements/dev.txt)
	@$(call lock,oban,--extra oban --constraint requirements/bench.txt)

clean: ## delete the virtual environment and the caches, but not the data in $(RELANCE_HOME)
	@rm -rf $(VENV) *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

help: ## list all targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run demo install test test-all test-fast near hook test-pooled fuzz check bench format console openapi release lock clean help

# One stamp file per installed lock. Each depends on the one before it.
$(VENV)/.run: requirements/run.txt pyproject.toml | $(VENV)/pyvenv.cfg
	@$(call install,run)
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --no-index --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@$(call install,dev)
	@touch $@

$(VENV)/.bench: requirements/bench.txt $(VENV)/.dev
	@$(call install,bench)
	@($(call install,oban)) || echo "oban does not install here: the benchmark goes on without it."
	@touch $@

define install
echo "Installing requirements/$(1).txt ..." && \
$(BIN)/python -m pip install --quiet --require-hashes --prefer-binary -r requirements/$(1).txt
endef

# The lock is for every platform and Python 3.11 or newer. It names files by hash, and no package index.
define lock
env -u PIP_FIND_LINKS -u PIP_EXTRA_INDEX_URL -u PIP_INDEX_URL $(BIN)/uv pip compile --quiet --upgrade \
	--no-config --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links $(2) --output-file requirements/$(1).txt pyproject.toml
endef

# The first Python that is new enough creates the environment. An error names what is missing. Programs of the environment are
# started by a shell, by PATH or in double quotes: it must not change their path.
$(VENV)/pyvenv.cfg:
	@case "$$(pwd -P)" in *[:\"\$$\`\\]*) \
		echo 'Relance cannot be installed in a folder whose path has one of : " $$ ` \. Move it to another folder.' >&2; exit 1;; \
	esac; \
	for python in python3 python3.14 python3.13 python3.12 python3.11; do \
		$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; python=; \
	done; \
	if [ -z "$$python" ]; then \
		echo "Relance needs Python 3.11 or newer; found: $$(python3 --version 2>&1 || echo none)." >&2; exit 1; \
	elif ! $$python -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "$$python lacks the venv module; install it first (Debian: apt install python3-venv)." >&2; exit 1; \
	else \
		$$python -m venv $(VENV); \
	fi

# A virtual environment has absolute paths: after the folder was copied or moved, create it again.
ifneq ($(shell grep -s -- '-m venv /' $(VENV)/pyvenv.cfg | grep -vF -- "-m venv $$(pwd -P)/$(VENV)"),)
$(shell rm -rf $(VENV))
endif
