# Every target sets up what it needs; `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
TORCH := $(shell sed -n 's/.*"torch==\([0-9.]*\)".*/\1/p' pyproject.toml)
# A stamp lies in the folder that it marks, and is named by the digest of what it was set up from.
digest = $(firstword $(shell cat $(1) | cksum))
READY := $(VENV)/.ready-torch-$(TORCH)-$(call digest,requirements.txt)
NPM_READY := web/node_modules/.ready-$(call digest,web/package.json web/package-lock.json)

# What the user may set: make export CHECKPOINTS=DIR WEIGHTS=timbreamt OUT=DIR ARGS="--models basicamt"
CHECKPOINTS ?=
WEIGHTS ?=
BASELINES ?=
OUT ?= dist/models
ARGS ?=
QUICK ?=
NOTEDIGGER ?=
FILES_ONLY ?=
RECORDINGS ?=
UPSTREAM ?=
FROM = $(if $(CHECKPOINTS),--checkpoints "$(CHECKPOINTS)") $(if $(WEIGHTS),--weights "$(WEIGHTS)") \
	$(if $(BASELINES),--baselines)

WORKERS_TOO = $(if $(FILES_ONLY)$(findstring --restore,$(ARGS)),,$(BIN)/python -m web notedigger --models "$(OUT)")

# Both networks of the page, every browser, what breaks numbers, minutes on two cores.
QUICK_MATRIX := --models basicamt,septimbre --variants fp32 \
	--signals "example,music-short,random-*,silence,noise,amplitude-1e+18,nan,*-brief,length-1,length-513" \
	--without "*-threads,firefox-wasm-1.18,webkit-wasm-1.18"

##@ Models
.PHONY: export
export: $(READY) ## write dist/models from CHECKPOINTS=DIR, WEIGHTS=timbreamt, or the bundled weights; BASELINES=1: onsets_frames and tanaka too
	$(BIN)/python -m export --out "$(OUT)" $(FROM) $(ARGS)

.PHONY: readme
readme: $(READY) ## write the figures of dist/models and dist/report into the READMEs
	$(BIN)/python -m verify.readme --models "$(OUT)" $(ARGS)

##@ Page
.PHONY: engine
engine: $(READY) ## compile web/engine's C to the two .wasm files that are committed
	$(BIN)/python -m web.engine.build

.PHONY: page
page: $(READY) $(NPM_READY) ## write the demo page to dist/site; SINGLE_FILE=1: one .html that opens from disk
	$(BIN)/python -m web build --models "$(OUT)" $(if $(SINGLE_FILE),--single-file) $(ARGS)

.PHONY: serve
serve: $(READY) ## serve dist/site on this machine, PORT=8000
	$(BIN)/python -m web serve $(if $(PORT),--port $(PORT)) $(ARGS)

##@ Proof
.PHONY: verify
verify: $(READY) $(NPM_READY) browsers ## judge dist/models in every runtime and browser: dist/report; QUICK=1: the small matrix of CI
	$(BIN)/python -m verify $(if $(QUICK),$(QUICK_MATRIX)) --folder "$(OUT)" $(if $(CHECKPOINTS),--checkpoints "$(CHECKPOINTS)") $(ARGS)

.PHONY: epsilon
epsilon: $(READY) $(NPM_READY) browsers ## which exporter or runtime drops a small constant; the next report shows it
	$(BIN)/python -m verify epsilon $(ARGS)

.PHONY: publish
publish: $(READY) $(NPM_READY) browsers ## put models that passed `make verify`, workers and a patch into NOTEDIGGER=DIR; FILES_ONLY=1; RECORDINGS=DIR; ARGS=--dry-run, --restore
	@test -n "$(NOTEDIGGER)" || { echo "give a noteDigger checkout: make publish NOTEDIGGER=DIR" >&2; exit 2; }
	$(WORKERS_TOO)
	$(BIN)/python -m verify publish "$(NOTEDIGGER)" --models "$(OUT)" $(if $(FILES_ONLY),--files-only) $(if $(RECORDINGS),--recordings "$(RECORDINGS)") $(ARGS)

.PHONY: verify-notedigger
verify-notedigger: $(READY) $(NPM_READY) browsers ## run the app in NOTEDIGGER=DIR as it is and as published, and compare; FILES_ONLY=1; ARGS="--audio FILE"
	@test -n "$(NOTEDIGGER)" || { echo "give a noteDigger checkout: make verify-notedigger NOTEDIGGER=DIR" >&2; exit 2; }
	$(WORKERS_TOO)
	$(BIN)/python -m verify notedigger "$(NOTEDIGGER)" --models "$(OUT)" $(if $(FILES_ONLY),--files-only) $(ARGS)

.PHONY: notedigger-usage
notedigger-usage: $(READY) $(NPM_READY) browsers ## memory and time of the app in NOTEDIGGER=DIR at 3 to 30 minutes, as it is and as published
	@test -n "$(NOTEDIGGER)" || { echo "give a noteDigger checkout: make notedigger-usage NOTEDIGGER=DIR" >&2; exit 2; }
	$(WORKERS_TOO)
	$(BIN)/python -m verify notedigger-usage "$(NOTEDIGGER)" --models "$(OUT)" $(ARGS)

.PHONY: release
release: $(READY) $(NPM_READY) ## gather files that passed `make verify`, the library, noteDigger's models and workers, and checksums in dist/release
	$(BIN)/python -m web notedigger --models "$(OUT)"
	$(BIN)/python -m verify release --models "$(OUT)" $(ARGS)

.PHONY: bench
bench: $(READY) $(NPM_READY) browsers ## time dist/models against layers as they were trained, or UPSTREAM=DIR: dist/report/bench.html; QUICK=1
	$(BIN)/python -m export --plain --variants fp32 --out dist/plain $(FROM)
	$(BIN)/python -m export --models basicamt septimbre --variants int8 --out dist/variants $(FROM)
	$(if $(QUICK),,test -d verify/bench/peer/node_modules || npm --prefix verify/bench/peer ci --ignore-scripts --no-fund --no-audit --loglevel=error || true)
	$(BIN)/python -m verify bench $(if $(QUICK),--quick) --folder "$(OUT)" --more dist/variants --baseline "$(or $(UPSTREAM),dist/plain)" $(ARGS)

.PHONY: lengths
lengths: $(READY) $(NPM_READY) browsers ## memory and time of 1 to 60 minutes, whole and streamed: dist/report/lengths-*.svg
	$(BIN)/python -m verify lengths --folder "$(OUT)" $(ARGS)

.PHONY: onnx-suite
onnx-suite: $(READY) $(NPM_READY) browsers ## ONNX's own node tests natively and in Chromium: dist/report/onnx-suite.md
	$(BIN)/python -m verify onnx-suite $(ARGS)

.PHONY: soak
soak: $(READY) $(NPM_READY) browsers ## 500 runs in one page: memory may not grow, results not drift, nothing burn afterwards
	$(BIN)/python -m verify soak --folder "$(OUT)" $(ARGS)

.PHONY: browsers
browsers: $(READY) ## find browsers, drive each once, get those that are missing
	$(BIN)/python -m verify browsers

##@ Weights of our own
.PHONY: listen
listen: $(READY) $(NPM_READY) ## judge the library's notes by piece, into web/README.md; ARGS="--real DIR" adds recordings
	$(BIN)/python -m train listen --models "$(OUT)" --readme web/README.md $(ARGS)

.PHONY: train
train: $(READY) ## render music, train both networks, write export/weights; hours, and it resumes
	$(BIN)/python -m train render
	$(BIN)/python -m train learn notes
	$(BIN)/python -m train learn timbre
	$(BIN)/python -m train ship

.PHONY: evaluate
evaluate: $(READY) ## compare the bundled weights with CHECKPOINTS=DIR; ARGS="--real DIR" adds recordings
	$(BIN)/python -m train evaluate $(if $(CHECKPOINTS),--checkpoints "$(CHECKPOINTS)") $(ARGS)

##@ Development
# So many at a time, a file's tests beside each other in one process; WORKERS=0: in this one. One
# that dies names its test and ends the run: xdist 3.8 would run that test again, and then hang.
WORKERS ?=
pytest = $(BIN)/python -m pytest -n $(or $(WORKERS),$(1)) --dist loadgroup --no-loadscope-reorder \
	--max-worker-restart 0

.PHONY: test
test: $(READY) $(NPM_READY) ## run the tests that need no browser and export no real network
	$(call pytest,2) -m "not browser and not export and not install" $(ARGS)
	npm --prefix web test

# A browser's test often waits: for a timer, or for music to be played.
.PHONY: test-all
test-all: $(READY) $(NPM_READY) browsers ## run every test: with real browsers and exports too
	$(call pytest,3) -m "not install" $(ARGS)
	npm --prefix web test

.PHONY: wheel
wheel: $(READY) $(NPM_READY) browsers ## build a wheel, install it in an empty environment, and use it there
	$(BIN)/python -m pytest -n 0 -m install tests/test_wheel.py

.PHONY: fresh
fresh: ## export and test in a fresh clone: an empty folder, no caches, nothing beside it
	@folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	git clone --quiet . "$$folder/tiny-amt"; \
	env -u MAKEFLAGS -u MAKELEVEL -u VIRTUAL_ENV XDG_CACHE_HOME="$$folder/cache" \
		PIP_CACHE_DIR="$$folder/cache/pip" npm_config_cache="$$folder/cache/npm" \
		$(MAKE) -C "$$folder/tiny-amt" export test

.PHONY: check
check: $(READY) $(NPM_READY) ## formatter, linter, type checks
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	npm --prefix web run check
	web/node_modules/.bin/tsc --project verify

.PHONY: setup
setup: $(READY) $(NPM_READY) ## install the pinned packages, and nothing else

.PHONY: lock
lock: $(READY) ## write requirements.txt again from pyproject.toml; ARGS=--upgrade, or ARGS="-P numpy"
	$(PIP) 'uv~=0.13.0'
	$(BIN)/uv pip compile --quiet $(ARGS) pyproject.toml -o requirements.txt

.PHONY: clean
clean: ## remove dist and build, keep everything that was installed
	rm -rf dist build

.PHONY: help
help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z][a-z-]*:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Set up again only when what is pinned has changed; never through a link, into another checkout.
define refuse_link
@test ! -L $(1) || { echo "$(1) is a link to $$(readlink $(1)), which holds other versions than are" \
	"pinned here; type \`rm $(1)\`, and make sets up its own" >&2; exit 2; }
endef

$(READY):
	$(call refuse_link,$(VENV))
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than Python 3.11; type \`make setup PYTHON=python3.12\`" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@rm -f $(VENV)/.ready*
	$(PIP) --require-hashes -r requirements.txt
	$(PIP) torch==$(TORCH)
	@touch $@

$(NPM_READY):
	$(call refuse_link,web/node_modules)
	npm --prefix web ci --no-fund --no-audit --loglevel=error
	@touch $@
