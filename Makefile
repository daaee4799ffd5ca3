# Each target sets up what it needs in .venv; nothing is left outside the checkout, package caches included.
#   make demo [ONCE=1]   the main job, played; then it serves until Ctrl-C
#   make test [ARGS=…] [WORKERS=2]   the tests: on DATABASE_URL and REDIS_URL where given, else SQLite and files
#   make lint            style, types, direction of imports, migrations, settings, translations, advisories
#   make bench | chaos | load
#   make messages        bring the translations in line with the code
#   make lock [UPGRADE=--upgrade]   write requirements/*.txt from *.in
#   make audit           ask the advisory service about what is locked; lint compares offline

# Processes that run tests side by side, each with a database of its own.
WORKERS ?= 2
PYTHON ?= $(shell command -v python3.11 || command -v python3)
RUN := .venv/bin/python
CACHE := $(CURDIR)/.cache
LOCKED := $(shell cksum < requirements/dev.txt | tr ' ' '-')
READY := .venv/ready-$(LOCKED)

export TMPDIR := $(CACHE)/tmp
export XDG_CACHE_HOME := $(CACHE)
export PIP_CACHE_DIR := $(CACHE)/pip
# pip asks rustc for its version, and a rustup that has no home makes one.
export RUSTUP_HOME := $(CACHE)/rustup
export UV_CACHE_DIR := $(CACHE)/uv
export RUFF_CACHE_DIR := $(CACHE)/ruff
export PIP_DISABLE_PIP_VERSION_CHECK := 1
$(shell mkdir -p "$(TMPDIR)")

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint messages lock audit bench chaos load clean

help:
	@sed -n 's/^#   //p' Makefile

setup: $(READY)

# Named after the lock's content: a changed lock installs again, a touched one does not.
$(READY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; say where: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up .venv (once for each change of requirements/dev.txt) ..."
	@$(RUN) -c '' 2>/dev/null || $(PYTHON) -m venv --clear .venv
	@$(RUN) -m pip install -qq --no-cache-dir --require-hashes -r requirements/dev.txt
	@rm -f .venv/ready-*
	@touch $@

demo: setup
	@$(RUN) -m tools.demo $(if $(ONCE),--once)

test: export XDG_CONFIG_HOME := $(CACHE)/config
test: export XDG_DATA_HOME := $(CACHE)/data
test: setup
	$(RUN) -m pytest -o cache_dir=.cache/pytest -n $(WORKERS) $(ARGS)

# Settings are checked as a production behind a proxy would have them.
PRODUCTION := DEBUG=false TRUST_PROXY=true ALLOWED_HOSTS=booking.example DATA_DIR=.cache/lint \
	DATABASE_URL= REDIS_URL= CELERY_BROKER_URL= \
	SECRET_KEY=lint-alone-uses-this-key-4f1c9a7e2b8d6053-lint-alone-uses-it \
	FIELD_ENCRYPTION_KEYS=bGludC1hbG9uZS11c2VzLXRoaXMta2V5LTAwMDAwMDA=

lint: setup
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(PRODUCTION) $(RUN) -m mypy manage.py apps booking_platform tools
	$(RUN) .venv/bin/lint-imports --no-logo --cache-dir .cache/import-linter
	$(PRODUCTION) $(RUN) manage.py makemigrations --check --dry-run
	$(PRODUCTION) $(RUN) manage.py check --deploy --fail-level WARNING
	$(RUN) -m tools.catalogues check
	$(RUN) -m tools.audit check

messages: setup
	$(RUN) -m tools.catalogues update

LOCK := $(RUN) -m uv pip compile --quiet --generate-hashes --python-version 3.11 \
	--no-emit-index-url --custom-compile-command "make lock" $(UPGRADE)

lock: setup
	$(LOCK) requirements/base.in --output-file requirements/base.txt
	$(LOCK) requirements/dev.in --constraint requirements/base.txt --output-file requirements/dev.txt

audit: setup
	$(RUN) -m tools.audit refresh

bench chaos load: setup
	$(RUN) -m benchmarks $@ $(ARGS)

clean:
	rm -rf .cache .venv
