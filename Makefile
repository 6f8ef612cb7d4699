# Two commands do everything: `make demo` and `make test`; `make quick` is for in between. The virtual environment
# makes itself; name another Python with `make PYTHON=python3.12`.
PYTHON ?= python3
VENV ?= .venv
RUN := $(VENV)/bin/python
ENGINES ?= temporal airflow celery
# Measured where their engines are.
ADAPTERS := handler/engines/temporal_*,handler/engines/airflow_*
PAGES := README.md $(wildcard docs/*.md docs/*/*.md)
PYTHONS ?= python3.10 python3.11 python3.12 python3.13 python3.14
export PIP_USER := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONPATH PYTHONHOME PYTHONSAFEPATH PIP_TARGET PIP_PREFIX

.PHONY: help demo quick test test-engines test-engine test-clients test-client test-minima test-minimum check bench format docs build test-pythons clean begin-anew
help:
	@echo "Roughly, on two cores; the first time a minute or two more, to install what is needed:"
	@echo "make demo          5 s     share a calendar on a local emulator of Google Calendar"
	@echo "make quick         1 min   most tests: what needs no other process, and each case once"
	@echo "make test          10 min  all tests, with branch coverage of handler/"
	@echo "make check         90 s    format, lint, types, import directions, generated docs"
	@echo "make test-engines  20 min  the step on real workflow engines: $(ENGINES)"
	@echo "make test-clients  10 s    clients in Node.js, Python and Ruby that others wrote, on the emulator"
	@echo "make test-minima   3 min   parameter files and verbs with the oldest packages allowed, on Python 3.10"
	@echo "make test-pythons  10 min  for each Python from 3.10 on that is here: all tests"
	@echo "make bench         5 min   how fast a share is, as ratios to others measured in the same run"
	@echo "make format        1 s     write the code as the formatter would"
	@echo "make docs          10 s    write the generated parts of docs/ and of tests/ anew"
	@echo "make build         10 s    the wheel and the sdist, in dist/"
	@echo "make clean         1 s     remove what was built"

demo: $(VENV)/run.stamp
	@echo "Sharing 'Example Calendar' with test.user@acme.com, through Google's client library,"
	@echo "on a local emulator of Google Calendar:"
	@echo
	@$(RUN) -m handler run fixtures/examples/share_with_a_user.yaml

# What is marked `long` starts a process, or plays every fault, or every case once more.
quick: $(VENV)/test.stamp
	$(RUN) -m pytest -q -n auto -m 'not long' $(PYTEST)

test: $(VENV)/test.stamp
	@rm -f .coverage .coverage.*
	$(RUN) -m coverage run -m pytest -n auto $(PYTEST)
	@$(RUN) -m coverage combine --quiet
	$(RUN) -m coverage report --omit='$(ADAPTERS)'

# One environment an engine, with what is locked beside its tests.
test-engines:
	@for engine in $(ENGINES); do \
	  echo "== $$engine"; $(MAKE) --no-print-directory VENV=.venvs/$$engine ENGINE=$$engine test-engine || exit 1; \
	done

test-engine: $(VENV)/engine.stamp
	@rm -f .coverage .coverage.*
	$(RUN) -m coverage run --source=handler/engines -m pytest tests/engines/$(ENGINE) $(PYTEST)
	@$(RUN) -m coverage combine --quiet
	$(if $(wildcard handler/engines/$(ENGINE)_*),$(RUN) -m coverage report --include='handler/engines/$(ENGINE)_*')

# What others wrote, on the emulator; needs node, npm and Debian's ruby-google-api-client.
test-clients:
	@$(MAKE) --no-print-directory VENV=.venvs/clients test-client

test-client: $(VENV)/clients.stamp
	$(RUN) -m pytest tests/clients $(PYTEST)

# On the oldest Python, as there are no old packages for new ones: make PYTHON=python3.10 test-minima
test-minima:
	@$(MAKE) --no-print-directory VENV=.venvs/minima test-minimum

test-minimum: $(VENV)/minima.stamp
	@cat $(VENV)/minima.txt
	$(RUN) -m pytest tests/promises/test_cases.py tests/cli $(PYTEST)

check: $(VENV)/dev.stamp
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy
	$(RUN) $(VENV)/bin/lint-imports --no-cache --no-logo
	COLUMNS=80 $(RUN) -m cogapp --check --diff -U $(PAGES)

bench: $(VENV)/bench.stamp
	$(RUN) -m benchmarks --json benchmarks/results.json

format: $(VENV)/dev.stamp
	$(RUN) -m ruff format .
	$(RUN) -m ruff check --fix .

docs: $(VENV)/dev.stamp
	COLUMNS=80 $(RUN) -m cogapp -r -U $(PAGES)
	$(RUN) -m handler describe --format node-xml > tests/engines/kinetic/node.xml
	$(RUN) -m handler describe --format info-xml > tests/engines/kinetic/info.xml

build: $(VENV)/dev.stamp
	rm -rf build dist
	$(RUN) -m build --no-isolation

# One environment a Python; a shim that cannot start its Python does not count as one.
test-pythons:
	@for python in $(PYTHONS); do \
	  if $$python -c '' 2>/dev/null; then \
	    echo "== $$python"; $(MAKE) --no-print-directory PYTHON=$$python VENV=.venvs/$$python test || exit 1; \
	  fi; \
	done

clean:
	rm -rf build dist *.egg-info .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis .venvs

$(VENV)/run.stamp: setup.cfg pyproject.toml handler/version.py $(VENV)/pyvenv.cfg
	@echo "Installing what the handler needs into $(VENV) ..."
	@$(RUN) -m pip install -qq --editable . && touch $@
$(VENV)/test.stamp: $(VENV)/run.stamp
$(VENV)/dev.stamp: $(VENV)/test.stamp
$(VENV)/bench.stamp: $(VENV)/run.stamp
$(VENV)/engine.stamp: tests/engines/$(ENGINE)/requirements.txt setup.cfg handler/version.py $(VENV)/pyvenv.cfg
	@echo "Installing what the tests with $(ENGINE) need into $(VENV) ..."
	@$(RUN) -m pip install -qq --require-hashes -r $<
	@$(RUN) -m pip install -qq --no-deps --no-build-isolation --editable . && touch $@
$(VENV)/clients.stamp: tests/clients/requirements.txt tests/clients/package-lock.json setup.cfg handler/version.py $(VENV)/pyvenv.cfg
	@echo "Installing the clients of others into $(VENV) ..."
	@$(RUN) -m pip install -qq --require-hashes -r $<
	@mkdir -p $(VENV)/node && cp tests/clients/package.json tests/clients/package-lock.json $(VENV)/node/
	@npm ci --prefix $(VENV)/node --ignore-scripts --no-audit --no-fund --loglevel error
	@$(RUN) -m pip install -qq --no-deps --no-build-isolation --editable . && touch $@
# Each lower bound of setup.cfg as the one version that will do, and nothing of the tests but pytest.
$(VENV)/minima.stamp: setup.cfg pyproject.toml handler/version.py $(VENV)/pyvenv.cfg
	@echo "Installing the oldest packages that setup.cfg allows into $(VENV) ..."
	@$(RUN) -c 'from configparser import ConfigParser as C; c = C(); c.read("setup.cfg", "utf-8"); print((c["options"]["install_requires"] + c["options.extras_require"]["cli"]).replace(">=", "==").strip())' > $(VENV)/minima.txt
	@$(RUN) -m pip install -qq --constraint $(VENV)/minima.txt --editable '.[cli]' pytest hypothesis
	@# A Python from 3.12 on brings none, and old packages lean on it.
	@$(RUN) -m pip uninstall --quiet --yes setuptools && touch $@
$(VENV)/%.stamp:
	@echo "Installing what '$*' needs into $(VENV) ..."
	@$(RUN) -m pip install -qq --editable '.[$*]' && touch $@
# An environment without a working Python or pip is begun anew.
$(VENV)/pyvenv.cfg: $(shell test -x $(RUN) && $(RUN) -m pip --version >/dev/null 2>&1 || echo begin-anew)
	@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "Python 3.10 or newer is needed, and $(PYTHON) is not. Name another: make PYTHON=python3.12" >&2; exit 1; }
	@'$(PYTHON)' -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make a virtual environment. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@'$(PYTHON)' -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }
begin-anew:
