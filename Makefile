# Every target works on a bare clone: it makes .venv first. `make` alone lists them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PORT   ?= 8000
# The service and the tests start hundreds of processes: each would compile the whole suite anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long test-s3 test-spark test-console test-deploy test-bench statistics check format bench faults drills docs serve lock clean

help: ## List the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  \033[1m%-10s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; say which with: make PYTHON=/path/to/python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(STAMP) ## Install everything into .venv, from the hashed lock files

demo: $(STAMP) ## Run the whole promise once, on this machine (under 3 minutes); KEEP=1 leaves the console open
	$(BIN)/recsys demo $(if $(KEEP),--keep)

test: $(STAMP) ## Run the tests; what needs a server starts it itself
	$(BIN)/python -m pytest -n auto --dist loadgroup

test-long: $(STAMP) ## Run every test, those too that break whole services for many seconds
	RECSYS_TEST_LONG=1 $(BIN)/python -m pytest -n auto --dist loadgroup

test-s3: $(STAMP) ## Run the store's contract on a real S3 server: RECSYS_TEST_S3_ENDPOINT, or one built with Go
	$(BIN)/python -m tests.contract.real_s3

test-spark: $(STAMP) ## Run the signals on Spark (local[2]) against DuckDB; needs Java 17
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/spark.txt
	RECSYS_TEST_SPARK=1 $(BIN)/python -m pytest -n0 tests/spark

test-console: $(STAMP) ## Drive every page of the console in a real Chromium; RECSYS_TEST_PICTURES=DIR keeps pictures
	RECSYS_TEST_LONG=1 $(BIN)/python -m pytest -n0 tests/unit/console tests/integration/console

test-deploy: $(STAMP) ## Check alarms (promtool), manifests against their schemas, units, the image's steps, an upgrade and back
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/deploy.txt
	RECSYS_TEST_LONG=1 $(BIN)/python -m pytest -n auto --dist loadgroup tests/deploy

test-bench: $(STAMP) ## Run every benchmark small, to see that it measures
	RECSYS_TEST_BENCH=1 $(BIN)/python -m pytest -n auto -m bench

statistics: $(STAMP) ## Check the statistics against other libraries and in long simulations; writes its page's tables
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/statistics.txt
	RECSYS_TEST_STATISTICS=1 RECSYS_STATISTICS_REPORT=var/statistics $(BIN)/python -m pytest -n auto --dist loadgroup tests/statistics
	$(BIN)/python -m tests.statistics.page var/statistics

check: $(STAMP) ## Lint, format, types, import rules
	$(BIN)/ruff check src tests
	$(BIN)/ruff format --check src tests
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(STAMP) ## Rewrite the code as `check` wants it
	$(BIN)/ruff check --fix src tests
	$(BIN)/ruff format src tests

bench: $(STAMP) ## Measure what this machine does; prints figures, machine and versions
	$(BIN)/recsys bench serve

faults: $(STAMP) ## Break everything, at length: the full fault suite (about an hour), its counts in var/faults
	RECSYS_TEST_LONG=1 RECSYS_FAULTS=full RECSYS_FAULTS_REPORT=var/faults $(BIN)/python -m pytest -n0 -p no:randomly tests/faults

drills: $(STAMP) ## Play every drill (under 10 minutes), keep its report in var/drills, and write its page's table
	$(BIN)/recsys drill run --all --report var/drills
	$(BIN)/python -m tests.unit.docs.drills_page var/drills/report.json
	$(BIN)/python -m tests.unit.docs.pages

docs: $(STAMP) ## Check the documents: links, commands, pages generated from the code
	RECSYS_TEST_LONG=1 RECSYS_DOCS=all $(BIN)/python -m pytest -n auto tests/unit/docs tests/acceptance

serve: $(STAMP) ## Serve ./var/store on PORT (8000) and 8001
	$(BIN)/recsys serve --port $(PORT)

lock: $(STAMP) ## Resolve the dependencies again, into requirements/
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file requirements/build.txt requirements/build.in
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file requirements/runtime.txt pyproject.toml
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --constraint requirements/runtime.txt --extra dev --output-file requirements/dev.txt pyproject.toml
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --constraint requirements/dev.txt --extra spark --output-file requirements/spark.txt pyproject.toml
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --constraint requirements/dev.txt --extra quality --output-file requirements/quality.txt pyproject.toml
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --constraint requirements/dev.txt --extra statistics --output-file requirements/statistics.txt pyproject.toml
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --constraint requirements/dev.txt --extra deploy --output-file requirements/deploy.txt pyproject.toml

clean: ## Remove what the other targets made (not ./var)
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
