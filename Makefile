# Everything a person or CI does with the checkout. Set-up needs python3, pip and make, and happens by itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# The same with the light worker alone.
LIGHT := .venv-light

# The demo's video and the detector's weights; by default what ships.
VIDEO ?= data/samples/road_and_parcel.mp4
WEIGHTS ?=

PROTO := foregsyte/jobs/v1/jobs.proto

# The tests start hundreds of processes: what they import is compiled once, also where the environment says otherwise.
export PYTHONDONTWRITEBYTECODE :=

# Python versions to try, as in `make test-newest PYTHONS="3.11 3.14"`, and the extra that a worker is installed with.
PYTHONS ?=
WORKER ?= worker-light
TEST_PROCESSES ?= 3
BUSY_PROCESSES ?= 2
RUN ?= $(BIN)/python

.PHONY: setup demo test coverage tests-without-models tests-with-models same-tests test-fast test-corpus test-long \
    test-newest test-oldest test-ends smoke governance lint style types format protos protos-check buf-lint api worker wheel lock clean

# venv leaves an interpreter that is there: an environment of another one, or whose own is gone, is emptied first.
VERSION_OF = "$$($(1) -c 'import sys; print(sys.version)' 2>&1)"
ENVIRONMENT = $(PYTHON) -m venv $$([ $(call VERSION_OF,$(1)/bin/python) = $(call VERSION_OF,$(PYTHON)) ] || echo --clear) $(1)

setup: $(INSTALLED)

$(INSTALLED): requirements/dev.txt pyproject.toml
	$(PYTHON) requirements/check_python.py $(MAKECMDGOALS)
	$(call ENVIRONMENT,$(VENV))
	$(BIN)/python -m pip install --quiet --requirement requirements/dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

$(LIGHT)/.installed: requirements/light.txt pyproject.toml
	$(PYTHON) requirements/check_python.py $(MAKECMDGOALS)
	$(call ENVIRONMENT,$(LIGHT))
	$(LIGHT)/bin/python -m pip install --quiet --requirement requirements/light.txt
	$(LIGHT)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

# Weights may need Ultralytics, which only the full environment has.
FOR_DEMO := $(if $(WEIGHTS),$(VENV),$(LIGHT))

demo: $(FOR_DEMO)/.installed  ## Runs the service on VIDEO and shows what was found; without WEIGHTS it needs no torch
	$(FOR_DEMO)/bin/foregsyte demo "$(VIDEO)" --out build/demo $(if $(WEIGHTS),--yolo-weights "$(WEIGHTS)")

# Tests that wait for nobody else's run in so many processes: one more than two cores, because many of them wait for a clock
# or a process; with two more, those that measure time get too little. Others keep a core busy: the fast ones, and those that
# load models, of which each keeps both.
PARALLEL = -n $(TEST_PROCESSES) --dist worksteal
BUSY = -n $(BUSY_PROCESSES) --dist worksteal
# To import torch takes longer than to collect all other tests. What does so counts as loading models (tests/conftest.py).
WITHOUT_TORCH = --ignore-glob="*/test_torch_*.py"
# The tests of signals and those that load models run apart: a signal crashes a process that holds the models' libraries.
WITHOUT_MODELS = $(WITHOUT_TORCH) -m "not models and not corpus"
# Only files that name the marker or have it by their name are collected: all others take each process seconds.
LOAD_MODELS = $(shell { grep -rl --include="test_*.py" "mark\.models" tests; find tests -name "test_torch_*.py"; } | sort -u)
WITH_MODELS = $(LOAD_MODELS) -m "models and not corpus"
# Beside each other, for those that wait leave the cores to those that compute.
TESTS = $(MAKE) --no-print-directory --jobs 2 tests-without-models tests-with-models

test: setup $(LIGHT)/.installed  ## All tests but the slow ones
	$(TESTS) RUN="$(BIN)/python"

coverage: setup $(LIGHT)/.installed  ## The same tests, and how much of the code they run
	$(BIN)/coverage erase
	$(TESTS) RUN="$(BIN)/coverage run"
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=90

tests-without-models:
	$(RUN) -m pytest $(PARALLEL) $(WITHOUT_MODELS)

# Their output is shown at the end, in one piece. Threads of torch that wait for work leave the core to the others' tests.
tests-with-models:
	@mkdir -p build
	@OMP_WAIT_POLICY=PASSIVE $(RUN) -m pytest $(WITH_MODELS) > build/tests-with-models.txt 2>&1; code=$$?; \
	    cat build/tests-with-models.txt; exit $$code

SELECTED = { $(1) -m pytest $(WITHOUT_MODELS) --collect-only -q; $(1) -m pytest $(WITH_MODELS) --collect-only -q; } | grep ::

same-tests: setup  ## That `make test` and `make coverage` select the same tests: all but the slow ones
	mkdir -p build
	$(call SELECTED,$(BIN)/python) > build/tests & \
	$(call SELECTED,$(BIN)/coverage run) > build/tests-with-coverage & \
	$(BIN)/python -m pytest -m "not corpus" --collect-only -q | grep :: > build/tests-but-slow; wait
	test -s build/tests && cmp build/tests build/tests-with-coverage
	sort build/tests > build/tests-sorted && sort build/tests-but-slow | cmp build/tests-sorted -

test-fast: setup  ## The tests that need no models, no processes and no database
	$(BIN)/python -m pytest -q $(BUSY) $(WITHOUT_TORCH) --hypothesis-profile fast -m "unit and not thorough and not corpus" tests/unit tests/contract

test-corpus: setup $(LIGHT)/.installed  ## The slow tests: whole real videos through real processes
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile -m "corpus and not alone and not long" --timeout 1800
	$(BIN)/python -m pytest -m "corpus and alone and not long" --timeout 1800

test-long: setup $(LIGHT)/.installed  ## More of the same: a hundred kills, a minute of chaos, long videos
	$(BIN)/python -m pytest $(BUSY) -m "corpus and long and not alone" --timeout 1800
	$(BIN)/python -m pytest -m "corpus and long and alone" --timeout 1800

VERSION_ENDS = $(BIN)/python -m tests.support.version_ends --worker $(WORKER) $(addprefix --python=,$(PYTHONS))

test-newest: setup  ## The newest versions that the extras allow, on each Python that is installed
	$(VERSION_ENDS) newest

test-oldest: setup  ## The lower bounds of pyproject.toml, on the oldest Python
	$(VERSION_ENDS) oldest

test-ends: setup  ## Both, side by side
	$(VERSION_ENDS) newest oldest

smoke: setup  ## One video through a real server and worker, in under a minute
	$(BIN)/pytest tests/e2e/test_smoke.py

governance: setup  ## The rules of Phase 16
	$(BIN)/python governance/validate_phase16_path.py

lint: style types  ## Style, which module may import which, and types

style: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: setup
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The stubs register the contract under its own name, as those that others generate do: two names in one process clash.
# protoc takes the name for the package as well, so the imports are changed to the package in which the stubs lie.
GENERATED := shared/contract/generated
IN_OUR_PACKAGE = "s/(from |')foregsyte\.jobs\.v1(\.jobs_pb2'| import)/\1shared.contract.generated.foregsyte.jobs.v1\2/"

protos: setup  ## Generates the stubs, and removes what else has their names
	find $(GENERATED) -name '*_pb2*' -delete
	$(BIN)/python -m grpc_tools.protoc -Iprotos --python_out=$(GENERATED) --grpc_python_out=$(GENERATED) \
	    --mypy_out=$(GENERATED) --mypy_grpc_out=$(GENERATED) --plugin=protoc-gen-mypy=$(BIN)/protoc-gen-mypy \
	    --plugin=protoc-gen-mypy_grpc=$(BIN)/protoc-gen-mypy_grpc $(PROTO)
	find $(GENERATED) -name '*_pb2*.py*' -exec sed -E -i.old -e $(IN_OUR_PACKAGE) {} +
	find $(GENERATED) -name '*_pb2*.old' -delete

protos-check: protos  ## Fails when the committed stubs are not those of the contract
	git diff --exit-code -- $(GENERATED)

buf-lint:  ## Lints the contract; needs npm
	cd protos && npx --yes @bufbuild/buf@1.75.0 lint

api: setup  ## A server on this checkout's data folder
	$(BIN)/foregsyte-api

worker: setup  ## A worker for it
	$(BIN)/foregsyte-worker $(if $(WEIGHTS),--yolo-weights "$(WEIGHTS)")

# The same bytes whenever and wherever it builds a commit. What an earlier build left is not taken: the files are copied.
# They have modes that no umask changes, and the commit's time, which those of a source archive have already; git says
# another time where an archive lies within another repository.
COMMIT_TIME = [ -z "$$(git rev-parse --show-prefix 2>&1)" ] && git log -1 --format=%ct 2> /dev/null
COMMITTED = $(or $(SOURCE_DATE_EPOCH),$(shell $(COMMIT_TIME)),$(shell date -r pyproject.toml +%s))
SHIPPED = pyproject.toml README.md LICENSE NOTICE job_api job_client job_worker migrations shared

wheel: setup  ## The project as one file, in dist
	rm -rf build/wheel
	mkdir -p build/wheel
	cp -RL $(SHIPPED) build/wheel
	chmod -R u=rwX,go=rX build/wheel
	umask 022 && SOURCE_DATE_EPOCH=$(COMMITTED) \
	    $(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist ./build/wheel
	rm -rf build/wheel

# For every platform and every Python that pyproject.toml names, with the hash of every file and without addresses. What
# was published until then is taken, and tests of the files compare them with that: what comes later changes nothing.
UNTIL := $(or $(UNTIL),$(shell date -u +%Y-%m-%dT%H:%M:%SZ))
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header \
    --no-annotate --exclude-newer $(UNTIL) --group build pyproject.toml
# PaddleX requires one version of PyYAML, which has no wheel for Python 3.14: what has no PaddleX need not follow.
NO_PADDLE = --upgrade-package pyyaml

lock: setup  ## Resolves the dependencies anew, keeping the versions that still fit
	echo $(UNTIL) > requirements/locked_until
	sed -e '/--hash=/d' -e 's/ *\\$$//' requirements/dev.txt > requirements/dev.new  # else uv keeps the old hashes
	mv requirements/dev.new requirements/dev.txt
	$(COMPILE) --output-file requirements/dev.txt --extra api --extra worker --extra client --extra client-media --extra dev
	for name in api worker client light; do cp requirements/dev.txt requirements/$$name.txt; done
	$(COMPILE) --output-file requirements/worker.txt --extra worker --extra client
	$(COMPILE) --output-file requirements/api.txt $(NO_PADDLE) --extra api --extra client
	$(COMPILE) --output-file requirements/client.txt --extra client --extra client-data --extra client-media
	$(COMPILE) --output-file requirements/light.txt $(NO_PADDLE) --extra api --extra worker-light --extra client --extra client-media

clean:
	rm -rf $(VENV) $(LIGHT) build dist .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis
