# Two commands do everything: `make run` sets up and runs the demo, `make test` sets up and tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest --numprocesses 2 --dist loadfile
PIP := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: help run test test-fast test-nodes test-pythons check-pythons test-image docs reference bench deploy clean
help:
	@echo 'make run    set up, then run the whole pipeline on the embedded demo (ARGS="--help" for options)'
	@echo 'make test   set up, then lint, type-check and test, with servers, workers and a browser'
	@echo 'make test-fast  without those, in seven minutes instead of thirty'
	@echo 'make test-nodes  two Ray nodes, one of which is killed at work: minutes, which make test leaves out'
	@echo 'make test-pythons  the fast tests on each Python from 3.11 to 3.13 that is installed here'
	@echo 'make test-image  build the container image with buildah, and run each service of compose.yaml in it'
	@echo 'make docs   set up, then build the documentation into build/docs; a broken link fails'
	@echo 'make bench  set up, then measure every speed claim and write docs/benchmarks.md (forty minutes)'
	@echo 'make deploy put work pools and deployments on the Prefect server of PREFECT_API_URL'
	@echo 'make clean  remove the environment'

run: $(VENV)/.installed
	$(BIN)/python flows/pipeline.py $(ARGS)

test: test-fast
	$(PYTEST) -m 'slow and not nodes' $(ARGS)

test-nodes: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m nodes $(ARGS)

test-fast: $(VENV)/.installed-test
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports
	$(PYTEST) -m 'not slow and not image' $(ARGS)

# Each in an environment of its own, which is kept.
test-pythons:
	@set -e; for python in $$(.ci/pythons); do \
	    version=$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	    $(MAKE) --no-print-directory PYTHON=$$python VENV=.venv-$$version .venv-$$version/.installed-test; \
	    .venv-$$version/bin/python -m pytest --numprocesses 2 --dist loadfile -m 'not slow and not image' $(ARGS); \
	done

# The other Pythons, without an installation, which brings the gigabytes of torch: all code compiles, and
# the pins resolve.
check-pythons:
	@set -e; for python in $$(.ci/pythons); do \
	    [ "$$python" -ef $(BIN)/python ] && continue; \
	    $$python -m compileall -q -f vitrina tasks flows deployments benchmarks tests; \
	    rm -rf build/pins && $$python -m venv build/pins; \
	    install="build/pins/bin/pip install --quiet --disable-pip-version-check -c constraints.txt"; \
	    $$install cython setuptools wheel; \
	    $$install --dry-run --no-build-isolation youtokentome '.[test]'; \
	    echo "$$($$python --version): the code compiles, the pins resolve"; \
	done

# As root; the first time it downloads Debian and all packages, and takes a quarter of an hour.
test-image: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m image $(ARGS)

docs: reference
	$(BIN)/sphinx-build -W --keep-going -q docs build/docs
	@echo 'Open build/docs/index.html'

# The pages that come from parameters, commands, docstrings and results.
reference: $(VENV)/.installed-test
	$(BIN)/python -m docs.tools

bench: $(VENV)/.installed-bench
	$(BIN)/python -m benchmarks $(ARGS)

deploy: $(VENV)/.installed
	$(BIN)/python deployments/apply.py

clean:
	rm -rf $(VENV)

# youtokentome, which ruclip needs, is source only and does not say what it builds with.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v <= (3, 13) or sys.exit(f"Vitrina needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is {v[0]}.{v[1]}: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	@echo 'Installing into $(VENV) (some minutes the first time) ...'
	$(PIP) cython setuptools wheel
	$(PIP) --no-build-isolation youtokentome
	$(PIP) --editable .
	$(BIN)/python -m vitrina.model.torchvision_hook >/dev/null  # or a plain `import ruclip` fails
	$(BIN)/python -m tasks.orchestration.make_database  # or the first start of Prefect makes it
	$(BIN)/pip check
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(PIP) --editable '.[test]'
	$(BIN)/pip check
	touch $@

$(VENV)/.installed-bench: $(VENV)/.installed
	$(PIP) --editable '.[bench]'
	$(BIN)/pip check
	touch $@
