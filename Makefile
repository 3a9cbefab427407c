# Everything a person or a build server runs here. Needs make and Python 3.11 to 3.13, nothing else.

PYTHON ?= python3
BIN := .venv/bin
BOOTSTRAP := $(PYTHON) oms_site/supervisor/bootstrap.py
BENCH ?=
ARGS ?=
OMS_FAULT_SEEDS ?= 0:500
OMS_FAULT_ORDERS ?= 100

# What commands need to be told that use no database of their own.
LOOK := OMS_ENV=test OMS_SECRET_KEY=only-for-reading-the-code
# Judged as it would be deployed, with a key as strong as a real one.
DEPLOYED := OMS_ENV=production OMS_SECRET_KEY=$$(od -An -N48 -tx1 /dev/urandom | tr -d ' \n')

.DEFAULT_GOAL := help
.PHONY: help run test deep check fix docs bench demo setup lock

help: ## what can be done here
	@echo "make <what>, with Python 3.11 to 3.13 and nothing else installed:"
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /|/' | \
		while IFS='|' read -r name text; do printf '  %-8s %s\n' "$$name" "$$text"; done

run: ## set up what is missing and start everything; Ctrl-C stops it (PORT=8000 OMS_DATA_DIR=.data)
	@$(BOOTSTRAP) run

test: setup ## run all tests against servers of their own (ARGS="-k name" to choose)
	@$(BIN)/python -m pytest -n auto $(ARGS)

deep: setup ## run the long proofs, for a night (OMS_FAULT_SEEDS=0:500 OMS_FAULT_ORDERS=100)
	@OMS_FAULT_SEEDS=$(OMS_FAULT_SEEDS) OMS_FAULT_ORDERS=$(OMS_FAULT_ORDERS) $(BIN)/python -m pytest \
		-n auto --timeout=0 --hypothesis-profile=deep \
		tests/properties tests/integration/orders/test_venue_faults.py $(ARGS)

check: setup ## lint, format, types, floors, deployment settings, missing migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	OMS_ENV=test OMS_SECRET_KEY=only-for-checks $(BIN)/mypy .
	$(BIN)/lint-imports
	@$(DEPLOYED) $(BIN)/python manage.py check --deploy --fail-level WARNING
	@$(LOOK) $(BIN)/python manage.py makemigrations --check --dry-run

fix: setup ## repair lint and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup ## write the generated pages of docs/
	@$(LOOK) $(BIN)/python manage.py generate_docs

bench: setup ## run one benchmark: make bench BENCH=name (benchmarks/name.py)
	@test -f "benchmarks/$(BENCH).py" || { \
		echo "Which one? make bench BENCH=name, where name is one of:"; \
		ls benchmarks/*.py | sed 's/.*\//  /; s/\.py$$//' | grep -v __init__; exit 2; }
	@$(BIN)/python benchmarks/$(BENCH).py $(ARGS)

demo: setup ## one trading day told by the API, against the running product (make run first)
	@$(LOOK) $(BIN)/python manage.py demo $(ARGS)

setup: ## install everything development needs, without starting anything
	@$(BOOTSTRAP) setup --dev

# uv resolves once for all supported Pythons; only ready-made builds, so no compiler is ever needed.
UV_COMPILE := .venv-lock/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 \
	--generate-hashes --only-binary :all: --fork-strategy fewest --no-annotate \
	--default-index https://pypi.org/simple --custom-compile-command "make lock"

lock: ## write requirements*.lock and package-lock.json again (ARGS=--upgrade for newer versions)
	@$(PYTHON) -m venv .venv-lock && .venv-lock/bin/python -m pip install --quiet "uv==0.13.8"
	@$(UV_COMPILE) $(ARGS) pyproject.toml --output-file requirements.lock
	@$(UV_COMPILE) $(ARGS) pyproject.toml --group dev --constraints requirements.lock \
		--output-file requirements-dev.lock
	@npm install --package-lock-only
	@rm -rf .venv-lock
