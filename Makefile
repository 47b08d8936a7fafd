# Two commands matter: `make drill` and `make test`. Both need Python 3.11 to 3.13 and make.
PYTHON ?= python3
VENV ?= .venv
# The four failure modes that the runbook names, as one game day.
EXPERIMENTS ?= experiments/crash-loop.yaml experiments/memory-leak.yaml experiments/database-down.yaml experiments/gateway-timeout.yaml

# The environment is made again when pyproject.toml or the interpreter changes, else kept.
KEY := $(shell $(PYTHON) -c "import hashlib,sys; print(hashlib.sha256(open('pyproject.toml','rb').read() + sys.version.encode()).hexdigest()[:12])")
LOCAL := $(VENV)/.local-$(KEY)
DEV := $(VENV)/.dev-$(KEY)
BIN := $(VENV)/bin

TELL := import sys; print(sys.version)
SAME := import sys; sys.exit(sys.version != sys.argv[1])

.PHONY: drill test test-long test-alone test-beside test-real lint format bench clean

drill: $(LOCAL)
	@$(BIN)/rundrill run $(EXPERIMENTS)

test: $(DEV)
	$(BIN)/pytest -m "not e2e" --numprocesses 2 --dist loadfile

test-long: test-alone test-beside

test-alone: $(DEV)
	$(BIN)/pytest -m "e2e and alone" --timeout 600

# They mostly wait: three at once leave a machine of two cores half idle.
test-beside: $(DEV)
	$(BIN)/pytest -m "e2e and not alone" --timeout 600 --numprocesses 3 --dist loadgroup

# The conformance suite and drills on the real cluster of $REALKUBE, when the machine allows it.
# PART=conformance or PART=drills is one of the two.
test-real: $(DEV)
	@.ci/real $(BIN) $(PART)

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(DEV)
	@for name in load_rate payments_throughput detection_cost cluster; do \
		echo "== $$name"; $(BIN)/python -m bench.$$name || exit 1; done

clean:
	rm -rf $(VENV) .rundrill runs

$(LOCAL):
	@$(call install,local)

$(DEV): $(LOCAL)
	@$(call install,dev)

define install
$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))" \
	|| { echo "rundrill: $(PYTHON) is not Python 3.11 to 3.13; fix: make PYTHON=python3.12"; exit 2; }
test -x $(BIN)/pip && $(BIN)/python -c "$(SAME)" "$$($(PYTHON) -c '$(TELL)')" \
	|| $(PYTHON) -m venv --clear $(VENV) \
	|| { echo "rundrill: no virtual environment; fix: install python3-venv, or another Python"; exit 2; }
echo "setting up $(VENV) ($(1)); once, until pyproject.toml changes"
$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[$(1)]"
rm -f $(VENV)/.$(1)-*
touch $@
endef
