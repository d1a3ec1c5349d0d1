# Every target works by itself on a machine that has only make and Python 3.10 or later (with venv): it makes the
# virtual environment it needs in .venv, and leaves it alone the next time. `make PYTHON=python3.12 test` chooses the
# interpreter.

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
JOBS ?= 2
BIN := $(VENV)/bin
# Stamps, named after the interpreter: one for the environment itself, one for each set of extras in it.
INTERPRETER := $(shell $(PYTHON) -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null)
ENVIRONMENT := $(VENV)/.python-$(INTERPRETER)
INSTALLED := $(VENV)/.installed-$(INTERPRETER)
PACKAGING := setup.cfg pyproject.toml

export PIP_DISABLE_PIP_VERSION_CHECK := 1

# torch has an environment of its own: with it installed, `import tvm` takes seconds instead of one.
TORCH_VENV ?= .venv-torch

.PHONY: help demo test test-torch coverage lint format docs notebooks bench clean
.DELETE_ON_ERROR:

help:
	@echo 'make demo        convert, check, run and draw a quantised MobileNet'
	@echo 'make test        run the tests (ARGS="-k text" is passed on to pytest)'
	@echo 'make test-torch  run the tests that need PyTorch, in an environment of their own'
	@echo 'make coverage    run the tests and report line and branch coverage'
	@echo 'make lint        check style, formatting and types'
	@echo 'make format      rewrite the source in the house format'
	@echo 'make docs        regenerate the generated pages and pictures under docs/'
	@echo 'make notebooks   execute the notebooks and write them to build/notebooks/ as web pages'
	@echo 'make bench       measure speed against peers'
	@echo 'make clean       remove .venv and all build products'

demo: $(INSTALLED)-run
	$(BIN)/python examples/demo.py

test: $(INSTALLED)-test
	$(BIN)/python -m pytest -q -n $(JOBS) $(ARGS)

test-torch:
	$(MAKE) VENV=$(TORCH_VENV) torch-tests

.PHONY: torch-tests
torch-tests: $(INSTALLED)-torch
	$(BIN)/python -m pytest -q -n $(JOBS) tests/pytorch $(ARGS)

coverage: $(INSTALLED)-test
	$(BIN)/python -m pytest -q -n $(JOBS) --cov --cov-report=term --cov-report=html:build/coverage $(ARGS)

lint: $(INSTALLED)-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf build/typed
	mkdir -p build/typed/nir
	ln -s $(CURDIR)/nir/* $(CURDIR)/passes $(CURDIR)/grammar build/typed/nir/
	$(BIN)/mypy -p nir

format: $(INSTALLED)-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(INSTALLED)-run
	@mkdir -p build/docs docs/images
	$(BIN)/nir ops --markdown > build/docs/operators.md
	mv build/docs/operators.md docs/operators.md
	$(BIN)/nir relay operators > build/docs/relay_operators.md
	mv build/docs/relay_operators.md docs/relay_operators.md
	$(BIN)/nir compile --operators > build/docs/compiled_operators.md
	mv build/docs/compiled_operators.md docs/compiled_operators.md
	$(BIN)/nir targets --markdown > build/docs/targets.md
	mv build/docs/targets.md docs/targets.md
	PATH="$(CURDIR)/$(BIN):$$PATH" sh docs/images/draw.sh

notebooks: $(INSTALLED)-notebook
	$(BIN)/python notebooks/to_html.py build/notebooks $(ARGS)

bench: $(INSTALLED)-bench
	$(BIN)/python -m benchmarks $(ARGS)

clean:
	rm -rf $(VENV) $(TORCH_VENV) build dist *.egg-info .pytest_cache .hypothesis .mypy_cache .ruff_cache .coverage*

# The environment is made anew when it belongs to another interpreter.
$(ENVIRONMENT):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo 'NIR needs Python 3.10 or later: make PYTHON=/path/to/python3 ...' >&2; exit 1; }
	@test "$$($(BIN)/python -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null)" = "$(INTERPRETER)" \
		|| { echo 'Making $(VENV) with Python $(INTERPRETER)'; $(PYTHON) -m venv --clear $(VENV); } \
		|| { echo 'python3 -m venv failed; on Debian and Ubuntu: apt-get install python3-venv' >&2; exit 1; }
	@touch $@

define install
	@echo "Installing neuron-ir[$(1)] into $(VENV): a minute or so, and only when setup.cfg changes"
	@$(BIN)/python -m pip install --editable '.[$(1)]' > $(VENV)/install.log 2>&1 || { cat $(VENV)/install.log >&2; exit 1; }
	@touch $@
endef

$(INSTALLED)-run: $(PACKAGING) | $(ENVIRONMENT)
	$(call install,tvm$(comma)draw)

$(INSTALLED)-test: $(PACKAGING) | $(ENVIRONMENT)
	$(call install,tvm$(comma)draw$(comma)test)

$(INSTALLED)-dev: $(PACKAGING) | $(ENVIRONMENT)
	$(call install,tvm$(comma)draw$(comma)dev)

$(INSTALLED)-torch: $(PACKAGING) | $(ENVIRONMENT)
	$(call install,tvm$(comma)torch$(comma)test)

$(INSTALLED)-notebook: $(PACKAGING) | $(ENVIRONMENT)
	$(call install,tvm$(comma)draw$(comma)notebook$(comma)test)

$(INSTALLED)-bench: $(PACKAGING) | $(ENVIRONMENT)
	$(call install,tvm$(comma)bench)

comma := ,
