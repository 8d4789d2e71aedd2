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

.PHONY: setup demo test test-fast test-corpus smoke governance lint format types protos protos-check buf-lint api worker lock clean

setup: $(INSTALLED)

$(INSTALLED): requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements/dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

$(LIGHT)/.installed: requirements/light.txt pyproject.toml
	$(PYTHON) -m venv $(LIGHT)
	$(LIGHT)/bin/python -m pip install --quiet "setuptools>=77" --requirement requirements/light.txt
	$(LIGHT)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

demo: $(LIGHT)/.installed  ## Runs the pair on VIDEO and shows what was found; needs neither torch nor paddle
	$(LIGHT)/bin/foregsyte demo "$(VIDEO)" $(if $(WEIGHTS),--yolo-weights "$(WEIGHTS)")

# The tests of signals and those that load models run apart: a signal crashes a process that holds the models' libraries.
test: setup $(LIGHT)/.installed  ## All tests but the slow ones, with coverage
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -m "not corpus and not models"
	$(BIN)/coverage run -m pytest -m "models and not corpus"
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=90

test-fast: setup  ## The tests that need no models and no processes
	$(BIN)/pytest -m "unit"

test-corpus: setup $(LIGHT)/.installed  ## The slow tests: whole real videos through real processes
	$(BIN)/pytest -m "corpus" --timeout 1800

smoke: setup  ## One video through a real server and worker, in under a minute
	$(BIN)/pytest tests/e2e/test_smoke.py

governance: setup  ## The rules of Phase 16
	$(BIN)/python governance/validate_phase16_path.py

lint: setup  ## Style, which module may import which, and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

protos: setup  ## Generates the stubs
	$(BIN)/python -m grpc_tools.protoc -Ishared/contract/generated=protos --python_out=. --grpc_python_out=. \
	    --mypy_out=. --mypy_grpc_out=. --plugin=protoc-gen-mypy=$(BIN)/protoc-gen-mypy \
	    --plugin=protoc-gen-mypy_grpc=$(BIN)/protoc-gen-mypy_grpc shared/contract/generated/$(PROTO)

protos-check: protos  ## Fails when the committed stubs are not those of the contract
	git diff --exit-code -- shared/contract/generated

buf-lint:  ## Lints the contract; needs npm
	cd protos && npx --yes @bufbuild/buf@1.75.0 lint

api: setup  ## A server on this checkout's data folder
	$(BIN)/foregsyte-api

worker: setup  ## A worker for it
	$(BIN)/foregsyte-worker $(if $(WEIGHTS),--yolo-weights "$(WEIGHTS)")

COMPILE = $(BIN)/pip-compile --quiet --strip-extras --allow-unsafe --no-header --no-annotate --no-emit-index-url \
    --no-emit-find-links --no-emit-trusted-host --output-file

lock: setup  ## Resolves the dependencies anew, keeping what still fits; records no addresses
	$(BIN)/python -m pip install --quiet pip-tools
	$(COMPILE) requirements/dev.txt --extra api --extra worker --extra client --extra client-media --extra dev pyproject.toml
	$(COMPILE) requirements/api.txt --constraint requirements/dev.txt --extra api --extra client pyproject.toml
	$(COMPILE) requirements/worker.txt --constraint requirements/dev.txt --extra worker --extra client pyproject.toml
	$(COMPILE) requirements/client.txt --constraint requirements/dev.txt --extra client --extra client-media pyproject.toml
	$(COMPILE) requirements/light.txt --constraint requirements/dev.txt \
	    --extra api --extra worker-light --extra client pyproject.toml
	sed -i '/^foregsyte /d' requirements/*.txt

clean:
	rm -rf $(VENV) $(LIGHT) build .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis
