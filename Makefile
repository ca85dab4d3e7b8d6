# SPDX-License-Identifier: Apache-2.0
# One Makefile, no recursion. `make help` lists the targets.
#
# Sources are found, not listed: a new src/ROOM/x.c or tests/ROOM/test_x.c is built as it stands. Files in
# src/compute/kernel/ are compiled with the flags their instruction set needs (see ISA_FLAGS below).

VERSION := 0.1.0
BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
ifeq ($(origin CC),default)
CC := gcc
endif
PYTHON ?= python3
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
PKGS := jansson libpcre2-8 libutf8proc libedit libcrypto libarchive

CSTD := -std=c17 -D_GNU_SOURCE
WARN := -Wall -Wextra -Wconversion -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
        -Wwrite-strings -Wformat=2 -Wvla -Wno-unknown-warning-option
OPT ?= -O2 -g
SAN ?=
CPPFLAGS += -Isrc -DMOAT_VERSION='"$(VERSION)"' -DMOAT_LOCALEDIR='"$(PREFIX)/share/locale"'
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS))
PKG_LIBS = $(shell pkg-config --libs $(PKGS))
CFLAGS_ALL = $(CSTD) $(WARN) $(OPT) $(SAN) $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS)
LDFLAGS_ALL = $(SAN) $(LDFLAGS)
LIBS = $(PKG_LIBS) -lm -lpthread

SRC := $(sort $(wildcard src/*/*.c src/*/*/*.c))
ARCH := $(shell uname -m)
ifneq ($(ARCH),x86_64)
SRC := $(filter-out src/compute/kernel/avx%,$(SRC))
endif
OBJ := $(SRC:src/%.c=$(BUILD)/obj/%.o)
LIB_OBJ := $(filter-out $(BUILD)/obj/cli/main.o,$(OBJ))
TEST_SRC := $(sort $(wildcard tests/*/test_*.c))
TEST_BIN := $(TEST_SRC:tests/%.c=$(BUILD)/tests/%)

.PHONY: all run test check fuzz bench help clean format install uninstall dist tests-build lint mo
.DEFAULT_GOAL := all

all: $(BUILD)/moat mo ## build build/moat

# --- instruction sets: one file each, one line each ------------------------------------------------
ISA_FLAGS = -O3 -ffp-contract=off
$(BUILD)/obj/compute/kernel/avx2.o: ISA_FLAGS = -O3 -mavx2 -mfma -mf16c
$(BUILD)/obj/compute/%.o: OPT := -O3 -g
# the reference decoding is equal bit for bit: no fused multiply-add, whatever the target
$(BUILD)/obj/compute/quant.o $(BUILD)/obj/compute/quant/%.o: CFLAGS_ALL += -ffp-contract=off

$(BUILD)/obj/compute/kernel/%.o: src/compute/kernel/%.c Makefile
	@mkdir -p $(@D)
	@echo '  CC    $<'
	$(Q)$(CC) $(CFLAGS_ALL) $(ISA_FLAGS) -MMD -MP -c $< -o $@

$(BUILD)/obj/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	@echo '  CC    $<'
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

$(BUILD)/libmoat.a: $(LIB_OBJ)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/moat: $(BUILD)/obj/cli/main.o $(BUILD)/libmoat.a
	@echo '  LINK  $@'
	$(Q)$(CC) $(LDFLAGS_ALL) $^ $(LIBS) -o $@

$(BUILD)/tests/%: tests/%.c $(BUILD)/libmoat.a Makefile
	@mkdir -p $(@D)
	@echo '  TEST  $<'
	$(Q)$(CC) $(CFLAGS_ALL) -Itests $(shell pkg-config --cflags cmocka) -MMD -MP $< $(BUILD)/libmoat.a \
	  $(LDFLAGS_ALL) $(LIBS) $(shell pkg-config --libs cmocka) -o $@

tests-build: $(BUILD)/moat $(TEST_BIN)

MO := $(patsubst po/%.po,$(BUILD)/locale/%/LC_MESSAGES/moat.mo,$(wildcard po/*.po))
mo: $(MO)
$(BUILD)/locale/%/LC_MESSAGES/moat.mo: po/%.po
	@mkdir -p $(@D)
	msgfmt -c -o $@ $<

test: tests-build mo ## build everything and run every test
	$(PYTHON) tests/run.py --build $(BUILD)

format: ## rewrite the sources with clang-format
	clang-format-16 -i $(wildcard src/*/*.[ch] src/*/*/*.[ch] tests/*/*.[ch])

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

clean: ## remove the build directory
	rm -rf $(BUILD)

-include $(OBJ:.o=.d) $(TEST_BIN:=.d)
