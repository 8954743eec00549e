# SPDX-License-Identifier: Apache-2.0
# The common jobs by name. Each builds with a CMake preset (CMakePresets.json) into build/PRESET.
# "make test" and "make demo" share build/release: what is tested is what ships.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# Real attestation evidence; tests that need it say that they were skipped where it is not there.
export BLINDBOX_VECTORS ?= $(abspath ../shared/vectors)
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 20
LOAD_SECONDS ?= 600
LOAD_CLIENTS ?= 200
# Of "make load": release, asan or tsan.
PRESET ?= release
binary := build/release/apps/blindbox
# code-server, 500 MB and minutes to build: every clone of a user needs it once.
editors := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/blindbox/editors

# $(call section,TEXT): one line that says what is being done.
section = @printf '\n== %s\n' '$(1)'

.PHONY: help demo test test-cluster test-boot test-editors check bench load asan tsan fuzz wheel install clean

help:
	@printf '%s\n' \
	  'make demo     install what is missing, build, and show a private completion and three refusals' \
	  'make test     install what is missing, build and run every test' \
	  'make test-cluster  build a Kubernetes API server, Helm and OPA, and have them judge what "deploy" renders' \
	  'make test-boot     boot images and virtual machine disks under QEMU and compare their PCRs with "measure" (minutes)' \
	  'make check    format, clang-tidy, folder edges, scripts, docs (tools/check --fix mends what it can)' \
	  'make test-editors  the VS Code extension, unit tests and in code-server in Chromium (minutes)' \
	  'make bench    build and run the benchmarks' \
	  'make load     LOAD_CLIENTS=$(LOAD_CLIENTS) of all manners at once, for LOAD_SECONDS=$(LOAD_SECONDS); PRESET=asan: under sanitizers' \
	  'make asan     the tests under the address and undefined behaviour sanitizers' \
	  'make tsan     the tests under the thread sanitizer' \
	  'make fuzz     every fuzz target for FUZZ_SECONDS=$(FUZZ_SECONDS) each' \
	  'make wheel    the Python package as a wheel, in build/wheel' \
	  'make install  blindbox, its man page, model and verifier library under PREFIX=$(PREFIX)' \
	  'make clean    remove build/' \
	  '' 'New here? README.md, then: make demo'

# The benchmarks need one more package, which the demo does without.
demo:
	@tools/install-deps build
	$(call section,configuring; the first time this fetches and builds llama.cpp: some minutes)
	@test -f build/release/build.ninja || cmake --preset release -DBLINDBOX_BENCH=OFF
	$(call section,building blindbox)
	@cmake --build build/release --target blindbox
	$(call section,running the demo)
	@$(binary) demo
	@printf '\nNext: "%s serve --help", and "By hand" in README.md\n' '$(binary)'

test:
	@tools/install-deps test
	$(call section,configuring; the first time this fetches and builds llama.cpp: some minutes)
	@cmake --preset release -DBLINDBOX_BENCH=ON
	$(call section,building everything in build/release)
	@cmake --build build/release
	$(call section,running the tests)
	@tools/run-tests release

# Slow the first time, and needs Go: not part of "make test", where the first of these tests are skipped and say so.
test-cluster:
	@tools/install-deps build cluster
	$(call section,building what judges; the first time this takes ten minutes of two cores)
	@tools/fetch-cluster-tools
	$(call section,building blindbox)
	@test -f build/release/build.ninja || cmake --preset release -DBLINDBOX_BENCH=OFF
	@cmake --build build/release --target blindbox blindbox-init
	$(call section,what Helm and OPA make of it)
	@BLINDBOX_BINARY=$(abspath $(binary)) python3 -B tests/cli/cluster_test.py
	$(call section,what a Kubernetes API server makes of it)
	@BLINDBOX_BINARY=$(abspath $(binary)) python3 -B -m unittest discover -v -s tests/cluster -p '*_test.py'

# Machines under software emulation: some minutes, and no part of "make test" either.
test-boot:
	@tools/install-deps build
	@tools/fetch-boot-tools
	@test -f build/release/build.ninja || cmake --preset release -DBLINDBOX_BENCH=OFF
	@cmake --build build/release --target blindbox blindbox-init
	@BLINDBOX_BINARY=$(abspath $(binary)) BLINDBOX_INIT=$(abspath build/release/apps/init/blindbox-init) \
	  python3 -B -m unittest discover -v -s tests/boot -p '*_test.py'

# Needs Node 20, chromium and a built blindbox ("make test"); what cannot be installed is skipped aloud.
test-editors:
	@test -x $(binary) || { echo 'error: $(binary) is not built; run "make test" first' >&2; exit 1; }
	cd editors/vscode && npm ci --ignore-scripts && npm test && npm run package
	@tests/editors/install "$(editors)" || echo 'skipped: code-server could not be installed; the extension runs in no editor here'
	BLINDBOX_EDITORS="$(editors)" python3 -B tests/editors/vscode_test.py

check:
	@tools/check

bench:
	@tools/install-deps test
	@cmake --preset release -DBLINDBOX_BENCH=ON
	@cmake --build build/release
	@set -e; for bench in $$(find build/release/bench -maxdepth 1 -type f -executable | sort); do \
	  echo "== $$bench"; "$$bench"; done

# A folder of its own for the sanitizers: "make asan" leaves the engine out. llama.cpp itself is never instrumented
# (cmake/Llama.cmake). As root: nobody else may look for leaks in processes that hold prompts.
load: load_build = build/$(if $(filter release,$(PRESET)),release,load-$(PRESET))
load:
	@test -f $(load_build)/build.ninja || cmake --preset $(PRESET) -B $(load_build)
	@cmake --build $(load_build) --target blindbox
	@BLINDBOX_BINARY=$(abspath $(load_build)/apps/blindbox) \
	  BLINDBOX_SANITIZED=$(filter-out release,$(PRESET)) \
	  python3 -B tests/cli/load_test.py --seconds $(LOAD_SECONDS) --clients $(LOAD_CLIENTS)

# The engine is third-party code, uninstrumented and slow here: the sanitizers judge everything but it.
asan tsan:
	@tools/install-deps test
	$(call section,building everything but the engine in build/$@)
	@cmake --preset $@ -DBLINDBOX_COMPLETION=OFF
	@cmake --build build/$@
	$(call section,running the tests)
	@tools/run-tests $@

fuzz:
	@tools/install-deps fuzz
	@cmake --preset fuzz
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tools/run-fuzz

# The build's own tools come into an environment that pip makes for it.
# CMake's compilers, not Python's names of them: what "make test" compiled is then in ccache already.
wheel:
	@tools/install-deps test
	@CC=$${CC:-cc} CXX=$${CXX:-c++} python3 -m pip wheel --no-deps --wheel-dir build/wheel -C build-dir=$(abspath build/wheel/cmake) ./sdk/python
	@ls build/wheel/*.whl

install:
	@test -x $(binary) || { echo 'error: $(binary) is not built; run "make test" or "make demo" first' >&2; exit 1; }
	install -D -m 0755 $(binary) $(DESTDIR)$(PREFIX)/bin/blindbox
	install -D -m 0644 docs/blindbox.1 $(DESTDIR)$(PREFIX)/share/man/man1/blindbox.1
	install -D -m 0644 LICENSE $(DESTDIR)$(PREFIX)/share/doc/blindbox/LICENSE
	cmake --install build/release --component library --prefix $(DESTDIR)$(PREFIX) >/dev/null
	for model in models/*.gguf; do \
	  [ ! -f "$$model" ] || install -D -m 0644 "$$model" "$(DESTDIR)$(PREFIX)/share/blindbox/$$model"; done

clean:
	rm -rf build
