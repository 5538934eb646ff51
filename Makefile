# One makefile, not recursive. `make help` lists the targets. New files need no edit here.
MAKEFLAGS += -rR
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
SHELL := /bin/sh

# Run from anywhere: `make -f .../Makefile` goes on in this file's directory.
ROOT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
ifneq ($(CURDIR),$(ROOT))
here:
	@$(MAKE) -C $(ROOT)
%:
	@$(MAKE) -C $(ROOT) $@
.PHONY: here
else

CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
AR ?= ar
ifeq ($(origin AR),default)
AR := ar
endif
PKG_CONFIG ?= pkg-config
PREFIX ?= /usr/local
VERSION := $(shell cat builder/VERSION)

# SAN=address,undefined or SAN=thread builds into a directory of its own; so does CC=clang.
SAN ?=
empty :=
comma := ,
CC_TAG := $(if $(filter gcc,$(notdir $(CC))),,-$(notdir $(firstword $(CC))))
OUT := out$(CC_TAG)$(if $(SAN),-$(subst $(comma),-,$(SAN)))
OBJ := $(OUT)/obj

PKGS := libarchive libcrypto zlib libzstd liblzma yaml-0.1 jansson libcurl libsolv libsolvext libsodium \
	libmicrohttpd libcrypt
ifeq ($(filter help clean deps quickstart test install-deps,$(MAKECMDGOALS)),)
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null)
PKG_LIBS := $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null)
endif

# LAZY=0 links what is loaded at need otherwise (oci/base/lazy.h).
LAZY ?= 1

cc-option = $(shell $(CC) -Werror $(1) -c -x c /dev/null -o /dev/null 2>/dev/null && echo $(1))

WARN := -Wall -Wextra -Wshadow -Wvla -Wundef -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes \
	-Wwrite-strings -Wpointer-arith -Wimplicit-fallthrough -Wconversion -Wsign-conversion -Wdate-time
WERROR ?=
HARDEN := -fno-common -fvisibility=hidden -fno-strict-aliasing -fstack-protector-strong -fPIE \
	$(call cc-option,-fstack-clash-protection) $(call cc-option,-fcf-protection)
ifeq ($(SAN),)
HARDEN += -D_FORTIFY_SOURCE=2
OPT ?= -O2
else
SANFLAGS := -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
OPT ?= -O1
endif
CFLAGS ?= -g
BASE_CFLAGS := -std=gnu17 $(OPT) $(CFLAGS) $(WARN) $(if $(WERROR),-Werror) $(HARDEN) $(SANFLAGS) $(EXTRA_CFLAGS) \
	-ffile-prefix-map=$(ROOT)=. -DEB_VERSION='"$(VERSION)"' -DEB_LAZY=$(LAZY) -include oci/base/compat.h $(PKG_CFLAGS)
LDFLAGS ?=
# The sanitizers' libraries have their own crypt_r() and others, which call the real ones: those must be there.
BASE_LDFLAGS := $(LDFLAGS) $(SANFLAGS) -pie -pthread -Wl,-z,relro,-z,now,-z,noexecstack \
	$(if $(SAN),-Wl$(comma)--no-as-needed,-Wl$(comma)--as-needed)
# Debian ships no .pc file of jsonnet.
JSONNET_LIBS ?= -ljsonnet
LIBS := $(PKG_LIBS) $(JSONNET_LIBS) -ldl -lm

OCI_SRC := $(sort $(wildcard oci/*/*.c))
ENGINE_SRC := $(sort $(wildcard builder/engine/*/*.c))
CLI_SRC := $(sort $(wildcard builder/cli/*.c))
TOOLS_SRC := $(sort $(wildcard builder/tools/*.c))
UNIT_SRC := $(sort $(wildcard tests/unit/*.c))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))

oci_inc := -Ioci
engine_inc := -Ioci -Ibuilder/engine
cli_inc := -Ioci -Ibuilder/engine -Ibuilder -DEB_CLI=1
tools_inc := $(cli_inc)
unit_inc := -Ioci -Ibuilder/engine -Ibuilder -Itests/unit -DEB_CLI=1

objs = $(patsubst %.c,$(OBJ)/%.o,$(1))

V ?= 0
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' '$(1)' '$(2)';)

all: $(OUT)/ess-bundle $(OUT)/ess-tools $(OUT)/liboci.a $(OUT)/own/ess-bundle $(OUT)/own/ess-tools ## build out/ess-bundle, out/ess-tools and out/liboci.a

# Objects are rebuilt when the flags change.
FLAGS_TEXT := $(CC) $(BASE_CFLAGS)
$(OBJ)/.flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(FLAGS_TEXT))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(FLAGS_TEXT))' >$@
FORCE:
.PHONY: FORCE all

define compile
$(OBJ)/$(1)/%.o: $(1)/%.c $(OBJ)/.flags
	$$(call say,CC,$$<)mkdir -p $$(@D) && $$(CC) $$(BASE_CFLAGS) $(2) -MMD -MP -c $$< -o $$@
endef
$(eval $(call compile,oci,$(oci_inc)))
$(eval $(call compile,builder/engine,$(engine_inc)))
$(eval $(call compile,builder/cli,$(cli_inc)))
$(eval $(call compile,builder/tools,$(tools_inc)))
$(eval $(call compile,tests,$(unit_inc)))
# Not held to the conversion warnings: assertion macros cast everything to print it.
$(call objs,$(UNIT_SRC) $(FUZZ_SRC)): BASE_CFLAGS += -Wno-conversion -Wno-sign-conversion

$(OUT)/liboci.a: $(call objs,$(OCI_SRC))
	$(call say,AR,$@)rm -f $@ && $(AR) rcsD $@ $^
$(OUT)/libengine.a: $(call objs,$(ENGINE_SRC))
	$(call say,AR,$@)rm -f $@ && $(AR) rcsD $@ $^
$(OUT)/ess-bundle: $(call objs,$(CLI_SRC)) $(OUT)/libengine.a $(OUT)/liboci.a
	$(call say,LD,$@)$(CC) $(BASE_LDFLAGS) -o $@ $^ $(LIBS)
$(OUT)/ess-tools: $(call objs,$(TOOLS_SRC)) $(OUT)/libengine.a $(OUT)/liboci.a
	$(call say,LD,$@)$(CC) $(BASE_LDFLAGS) -Wl,--gc-sections,--as-needed -o $@ $^ $(LIBS)
# As they go into images: without what tells one machine's build from another's.
OWN_LDFLAGS := -s -Wl,--build-id=none
$(OUT)/own/ess-bundle: $(OUT)/ess-bundle
	$(call say,LD,$@)mkdir -p $(@D) && $(CC) $(BASE_LDFLAGS) $(OWN_LDFLAGS) -o $@ $(call objs,$(CLI_SRC)) $(OUT)/libengine.a $(OUT)/liboci.a $(LIBS)
$(OUT)/own/ess-tools: $(OUT)/ess-tools
	$(call say,LD,$@)mkdir -p $(@D) && $(CC) $(BASE_LDFLAGS) $(OWN_LDFLAGS) -Wl,--gc-sections,--as-needed -o $@ $(call objs,$(TOOLS_SRC)) $(OUT)/libengine.a $(OUT)/liboci.a $(LIBS)
$(OUT)/unit-tests: $(call objs,$(UNIT_SRC)) $(call objs,$(filter-out %/main.c,$(CLI_SRC) $(TOOLS_SRC))) $(OUT)/libengine.a $(OUT)/liboci.a
	$(call say,LD,$@)$(CC) $(BASE_LDFLAGS) -o $@ $^ $(LIBS) -lcunit -lssl

unit: $(OUT)/unit-tests $(OUT)/ess-bundle ## run the unit tests; T=pattern picks some
	@$(OUT)/unit-tests $(T)
.PHONY: unit

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 22
clean: ## remove everything that was built
	rm -rf out out-*
.PHONY: help clean

-include builder/build/*.mk
-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)
endif
