# SPDX-License-Identifier: Apache-2.0
# One Makefile, no recursion. `make help` lists the targets.
#
# Sources are found, not listed: a new src/ROOM/x.c or tests/ROOM/test_x.c is built as it stands. Files in
# src/compute/kernel/ are compiled with the flags their instruction set needs (see ISA_FLAGS below).

VERSION := 0.1.0
# Another architecture: make CROSS=aarch64-linux-gnu (scripts/setup cross brings what it needs).
CROSS ?=
BUILD ?= build$(CROSS:%=-%)$(if $(AIRGAP),-airgap)
PREFIX ?= /usr/local
DESTDIR ?=
ifeq ($(origin CC),default)
CC := $(CROSS:%=%-)gcc
endif
ifeq ($(origin AR),default)
AR := $(CROSS:%=%-)ar
endif
PKG_CONFIG ?= $(if $(CROSS),PKG_CONFIG_LIBDIR=/usr/lib/$(CROSS)/pkgconfig:/usr/share/pkgconfig )pkg-config
PYTHON ?= python3
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
# AIRGAP=1: without the fetch role and libcurl, and always in the air-gap profile; build-airgap/moat.
AIRGAP ?=
PKGS := jansson libpcre2-8 libutf8proc libedit libssl libcrypto libarchive $(if $(AIRGAP),,libcurl) libuv libsodium libseccomp sqlite3
# The HTTP parser of src/serve, where scripts/setup puts it.
LLHTTP := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/moat/llhttp-9.3.0.0/lib

CSTD := -std=c17 -D_GNU_SOURCE
WARN := -Wall -Wextra -Wconversion -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
        -Wwrite-strings -Wformat=2 -Wvla -Wno-unknown-warning-option
OPT ?= -O2 -g
SAN ?=
CPPFLAGS += -Isrc -isystem $(LLHTTP) -DMOAT_VERSION='"$(VERSION)"' -DMOAT_LOCALEDIR='"$(PREFIX)/share/locale"'
# The same binary wherever it is built (make repro): no path of this folder in debugging information.
SAME := -ffile-prefix-map=$(CURDIR)=. -ffile-prefix-map=$(LLHTTP)=llhttp
# Asked once, and only when something is compiled: `make run` starts on a machine without pkg-config.
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell $(PKG_CONFIG) --cflags $(PKGS)))$(PKG_CFLAGS)
PKG_LIBS = $(eval PKG_LIBS := $$(shell $(PKG_CONFIG) --libs $(PKGS)))$(PKG_LIBS)
CMOCKA = $(eval CMOCKA := $$(shell $(PKG_CONFIG) --cflags --libs cmocka))$(CMOCKA)
CFLAGS_ALL = $(CSTD) $(WARN) $(OPT) $(SAN) $(SAME) $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS)
LDFLAGS_ALL = $(SAN) $(LDFLAGS)
LIBS = $(PKG_LIBS) -lm -lpthread

SRC := $(sort $(wildcard src/*/*.c src/*/*/*.c))
# The kernels of one architecture are left out of the others.
ARCH := $(or $(firstword $(subst -, ,$(CROSS))),$(shell uname -m))
KERNELS_x86_64 := avx2 avxvnni avx512 avx512bf16 avx512bf16_attend avx512bf16_decode amx amx_attend fit_avx2 fit_avx512
KERNELS_aarch64 := neon dotprod i8mm
FOREIGN := $(filter-out $(KERNELS_$(ARCH)),$(KERNELS_x86_64) $(KERNELS_aarch64))
SRC := $(filter-out $(FOREIGN:%=src/compute/kernel/%.c),$(SRC))
DIALS := $(patsubst %,src/fetch/%.c,call fetch fetch_judge fetch_leaves receive role send transfer url)
SRC := $(filter-out $(if $(AIRGAP),$(DIALS),src/fetch/absent.c),$(SRC))
OBJ := $(SRC:src/%.c=$(BUILD)/obj/%.o)
LLHTTP_OBJ := $(patsubst %,$(BUILD)/obj/llhttp/%.o,api http llhttp)
LIB_OBJ := $(filter-out $(BUILD)/obj/cli/main.o,$(OBJ)) $(LLHTTP_OBJ) $(BUILD)/obj/webui_assets.o
TEST_SRC := $(sort $(wildcard tests/*/test_*.c))
TEST_BIN := $(TEST_SRC:tests/%.c=$(BUILD)/tests/%)

# The second make of a target that installs first: parallel, unless the user said how parallel.
SUBMAKE = $(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

.PHONY: all run test check fuzz bench help clean format install uninstall dist sbom repro release tests-build fuzz-build lint mo man pot
.DEFAULT_GOAL := all

all: $(BUILD)/moat mo ## build build/moat

# --- instruction sets: one file each, one line each ------------------------------------------------
ISA_FLAGS = -O3 -ffp-contract=off -Wno-psabi
$(BUILD)/obj/compute/kernel/avx2.o: ISA_FLAGS = -O3 -ffp-contract=fast -Wno-psabi -mavx2 -mfma -mf16c
$(BUILD)/obj/compute/kernel/avxvnni.o: ISA_FLAGS = -O3 -ffp-contract=fast -Wno-psabi -mavx2 -mfma -mf16c -mavxvnni
$(BUILD)/obj/compute/kernel/avx512.o: ISA_FLAGS = -O3 -ffp-contract=fast -Wno-psabi -mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni
$(BUILD)/obj/compute/kernel/avx512bf16.o $(BUILD)/obj/compute/kernel/avx512bf16_attend.o $(BUILD)/obj/compute/kernel/avx512bf16_decode.o: ISA_FLAGS = -O3 -ffp-contract=fast -Wno-psabi -mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -mavx512bf16
$(BUILD)/obj/compute/kernel/amx.o $(BUILD)/obj/compute/kernel/amx_attend.o: ISA_FLAGS = -O3 -ffp-contract=fast -Wno-psabi -mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -mavx512bf16 -mamx-tile -mamx-bf16
# what an encoder writes does not depend on where it ran: nothing is fused
$(BUILD)/obj/compute/kernel/fit_avx2.o: ISA_FLAGS = -O3 -ffp-contract=off -Wno-psabi -mavx2
$(BUILD)/obj/compute/kernel/fit_avx512.o: ISA_FLAGS = -O3 -ffp-contract=off -Wno-psabi -mavx2 -mavx512f -mavx512bw -mavx512vl -mavx512dq
$(BUILD)/obj/compute/kernel/neon.o: ISA_FLAGS = -O3 -ffp-contract=fast -Wno-psabi -Wno-pass-failed
$(BUILD)/obj/compute/kernel/dotprod.o: ISA_FLAGS = -O3 -ffp-contract=fast -Wno-psabi -Wno-pass-failed -march=armv8.2-a+dotprod
$(BUILD)/obj/compute/kernel/i8mm.o: ISA_FLAGS = -O3 -ffp-contract=fast -Wno-psabi -Wno-pass-failed -march=armv8.2-a+dotprod+i8mm
$(BUILD)/obj/compute/%.o: OPT := -O3 -g
# the reference decoding is equal bit for bit: no fused multiply-add, whatever the target
$(BUILD)/obj/compute/quant.o $(BUILD)/obj/compute/quant/%.o: CFLAGS_ALL += -ffp-contract=off

# instrumented code of this size takes minutes at -O3
SAN_OPT = -O1
# and clang 16 falls over this one
$(BUILD)/obj/compute/kernel/avx512bf16.o: SAN_OPT = $(if $(findstring clang,$(CC)),-O0,-O1)
$(BUILD)/obj/compute/kernel/%.o: src/compute/kernel/%.c Makefile
	@mkdir -p $(@D)
	@echo '  CC    $<'
	$(Q)$(CC) $(CFLAGS_ALL) $(ISA_FLAGS) $(if $(SAN),$(SAN_OPT)) -MMD -MP -c $< -o $@

$(BUILD)/obj/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	@echo '  CC    $<'
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

# the catalogue of models is part of the program
$(BUILD)/obj/store/catalog_built_in.o: share/catalog.json

# so is the page, with the libraries that it uses
$(BUILD)/web/webui_assets.c: scripts/embed-web $(wildcard web/*.* web/*/*)
	@echo '  WEB   $@'
	$(Q)$(PYTHON) scripts/embed-web $(@D)

$(BUILD)/obj/webui_assets.o: $(BUILD)/web/webui_assets.c
	$(Q)$(CC) $(CFLAGS_ALL) -c $< -o $@

# generated code of others: without our extra warnings
$(LLHTTP_OBJ): $(BUILD)/obj/llhttp/%.o: $(LLHTTP)/%.c Makefile
	@mkdir -p $(@D)
	@echo '  CC    llhttp/$*.c'
	$(Q)$(CC) -std=c17 $(OPT) $(SAN) $(SAME) -w -c $< -o $@

$(LLHTTP)/%.c:
	@echo 'The HTTP parser llhttp is not there: run scripts/setup build' >&2; exit 1

$(BUILD)/libmoat.a: $(LIB_OBJ)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/moat: $(BUILD)/obj/cli/main.o $(BUILD)/libmoat.a
	@echo '  LINK  $@'
	$(Q)$(CC) $(LDFLAGS_ALL) $^ $(LIBS) -o $@

$(BUILD)/tests/%: tests/%.c $(BUILD)/libmoat.a Makefile
	@mkdir -p $(@D)
	@echo '  TEST  $<'
	$(Q)$(CC) $(CFLAGS_ALL) -Itests -MMD -MP $< $(BUILD)/libmoat.a \
	  $(LDFLAGS_ALL) $(LIBS) $(CMOCKA) -o $@

$(BUILD)/bench/%: bench/%.c $(BUILD)/libmoat.a Makefile
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP $< $(BUILD)/libmoat.a $(LDFLAGS_ALL) $(LIBS) -o $@

tests-build: $(BUILD)/moat $(TEST_BIN) $(if $(SAN),,$(BUILD)/tests/faults.so)

# makes a program fail where a test wants it to
$(BUILD)/tests/faults.so: tests/lib/faults.c
	@mkdir -p $(@D)
	@echo '  TEST  $<'
	$(Q)$(CC) $(CSTD) $(WARN) -Wno-missing-prototypes -O2 -fPIC -shared $< -o $@

# --- messages --------------------------------------------------------------------------------------
PO := $(wildcard po/*.po)
MO := $(patsubst po/%.po,$(BUILD)/locale/%/LC_MESSAGES/moat.mo,$(PO))
mo: $(MO)
$(BUILD)/locale/%/LC_MESSAGES/moat.mo: po/%.po
	@mkdir -p $(@D)
	@echo '  MSGFMT $<'
	$(Q)msgfmt -c -o $@ $<

pot: ## collect the messages into build/moat.pot and merge them into po/*.po
	scripts/messages $(BUILD)/moat.pot $(PO)

man: $(BUILD)/moat ## write the manual pages from the option tables into build/man
	@mkdir -p $(BUILD)/man
	@LC_ALL=C $(BUILD)/moat help --man >$(BUILD)/man/moat.1
	@for verb in $$($(BUILD)/moat help --words | grep -vx -e help -e version); do \
	  LC_ALL=C $(BUILD)/moat help --man $$verb >$(BUILD)/man/moat-$$verb.1 || exit 1; done

# --- from nothing to an answer ---------------------------------------------------------------------
MODEL ?= smollm2:135m
PROMPT ?= What is the capital of France?
export PROMPT

run: ## install what building needs, build, fetch the default model, answer PROMPT="..."
	@scripts/setup build
	@$(SUBMAKE) -s all
	@MOAT=$(BUILD)/moat scripts/fetch-model
	@$(BUILD)/moat run $(MODEL) "$$PROMPT" --num-gpu 0 --memory 12G --temperature 0 </dev/null

test: ## install what testing needs, build, fetch the test models, run every test
	@scripts/setup test
	@$(SUBMAKE) tests-build mo
	@scripts/fetch-model --tests || echo 'make test: going on without the test models'
	@$(PYTHON) tests/run.py --build $(BUILD)

# --- the long checks -------------------------------------------------------------------------------
FUZZ_SECONDS ?= 60
SANITIZE := -fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all -fno-omit-frame-pointer -DMOAT_MEM_GUARD
SAN_ENV := ASAN_OPTIONS=strict_string_checks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 MOAT_SANITIZED=1
FUZZ_BIN := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

check: ## everything: long tests, again under ASan and UBSan, clang, every fuzzer for a minute
	@scripts/setup all
	@scripts/setup cross || echo 'make check: going on without AArch64'
	@$(SUBMAKE) tests-build mo
	@scripts/fetch-model --tests
	$(PYTHON) tests/run.py --build $(BUILD) --long
	@$(SUBMAKE) BUILD=build-clang CC=clang-16 tests-build
	@$(SUBMAKE) BUILD=build-san SAN='$(SANITIZE)' OPT='-O1 -g' tests-build mo
	$(SAN_ENV) $(PYTHON) tests/run.py --build build-san
	@$(SUBMAKE) fuzz

fuzz: ## run every fuzzer for FUZZ_SECONDS
	@scripts/setup all
	@$(SUBMAKE) BUILD=build-fuzz CC=clang-16 SAN='-fsanitize=fuzzer-no-link $(SANITIZE)' OPT='-O1 -g' fuzz-build
	scripts/fuzz build-fuzz/fuzz $(FUZZ_SECONDS)

fuzz-build: $(FUZZ_BIN)
$(BUILD)/fuzz/%: tests/fuzz/%.c $(BUILD)/libmoat.a Makefile
	@mkdir -p $(@D)
	@echo '  FUZZ  $<'
	$(Q)$(CC) $(CFLAGS_ALL) -fsanitize=fuzzer -Wno-missing-prototypes -Itests -MMD -MP $< $(BUILD)/libmoat.a $(LDFLAGS_ALL) $(LIBS) -o $@

TEST_MODELS := $(or $(MOAT_TEST_MODELS),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/moat/test-models)
bench: all ## how fast the two test models read and write here
	@scripts/fetch-model --tests
	@for m in smollm2 gemma3; do $(BUILD)/moat bench $(TEST_MODELS)/$$m.gguf || exit 1; done

lint: ## the rules of the house: format, doors, sizes, names, messages
	@$(PYTHON) tests/run.py --build $(BUILD) --only tests/house/

# --- install and release ---------------------------------------------------------------------------
bindir = $(DESTDIR)$(PREFIX)/bin
datadir = $(DESTDIR)$(PREFIX)/share

install: all man ## install under PREFIX (default /usr/local); DESTDIR= for packagers
	install -D -m 755 $(BUILD)/moat $(bindir)/moat
	for po in $(basename $(notdir $(PO))); do \
	  install -D -m 644 $(BUILD)/locale/$$po/LC_MESSAGES/moat.mo $(datadir)/locale/$$po/LC_MESSAGES/moat.mo || exit 1; done
	install -D -m 644 -t $(datadir)/man/man1 $(BUILD)/man/*.1
	$(BUILD)/moat completion bash >$(BUILD)/moat.bash
	install -D -m 644 $(BUILD)/moat.bash $(datadir)/bash-completion/completions/moat
	install -D -m 644 -t $(datadir)/doc/moat README.md README.zh-CN.md CHANGELOG.md LICENSE
	install -D -m 644 web/notice.txt $(datadir)/doc/moat/NOTICE

uninstall: ## remove what install put there; says what stays
	rm -f $(bindir)/moat $(datadir)/locale/*/LC_MESSAGES/moat.mo
	rm -f $(datadir)/man/man1/moat.1 $(datadir)/man/man1/moat-*.1 $(datadir)/bash-completion/completions/moat
	rm -rf $(datadir)/doc/moat
	@echo 'What stays, for each user: models in $$MOAT_HOME or ~/.local/share/moat, settings in'
	@echo '~/.config/moat, downloads in ~/.cache/moat. Remove those folders to remove everything.'

DIST := moat-$(VERSION)
dist: ## a reproducible source archive of the last commit
	@mkdir -p $(BUILD)
	git archive --format=tar --prefix=$(DIST)/ HEAD | xz -9 --threads=1 >$(BUILD)/$(DIST).tar.xz
	cd $(BUILD) && sha256sum $(DIST).tar.xz | tee $(DIST).tar.xz.sha256

sbom: $(BUILD)/moat ## what is in the program, as CycloneDX JSON: build/moat.cdx.json
	scripts/sbom $(BUILD)/moat $(VERSION) >$(BUILD)/moat.cdx.json
	@echo '$(BUILD)/moat.cdx.json'

repro: ## build the last commit twice, in folders of other names, and compare
	scripts/repro $(BUILD)/repro

# KEY=FILE: a secret key of moat sign new, which signs the list.
KEY ?=
RELEASE := $(BUILD)/release
release: all dist sbom ## the files of a release and a list of their hashes, signed with KEY=FILE
	rm -rf $(RELEASE) && mkdir -p $(RELEASE)
	cp $(BUILD)/moat $(RELEASE)/$(DIST)-linux-$(ARCH)
	cp $(BUILD)/$(DIST).tar.xz $(RELEASE)/
	cp $(BUILD)/moat.cdx.json $(RELEASE)/$(DIST).cdx.json
	cd $(RELEASE) && LC_ALL=C sha256sum $(DIST)* >SHA256SUMS
	$(if $(KEY),$(BUILD)/moat sign release $(RELEASE)/SHA256SUMS --secret $(KEY))
	@cat $(RELEASE)/SHA256SUMS

format: ## rewrite the sources with clang-format
	clang-format-16 -i $(wildcard src/*/*.[ch] src/*/*/*.[ch] tests/*/*.[ch])

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

clean: ## remove the build directory
	rm -rf $(BUILD) build-airgap build-clang build-san build-fuzz

-include $(OBJ:.o=.d) $(TEST_BIN:=.d) $(FUZZ_BIN:=.d)
