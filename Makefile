# SPDX-License-Identifier: MIT
#
# One make, no recursion over folders: sources are found by wildcard, so a new file is built, and a
# new tests/unit/test_NAME.c is a test, without a line here. Everything built goes under $(B).
#
#   make [V=1] [WERROR=1] [CC=clang] [CFLAGS=...] [B=build]     make help

MAKEFLAGS += --no-builtin-rules --no-builtin-variables
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j2
endif
# These build by calling make again, or remove what others build: never beside another goal.
ifneq ($(filter clean distclean setup check demo bench,$(MAKECMDGOALS)),)
.NOTPARALLEL:
endif
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

# ---- what the user may set ----------------------------------------------------------------------

ifneq ($(filter undefined default,$(origin CC)),)
CC := gcc
endif
ifneq ($(filter undefined default,$(origin AR)),)
AR := ar
endif
LD := ld
OBJCOPY := objcopy
CFLAGS ?= -O2 -g
B ?= build
# Where the compiler's text of CMS lies. It depends on the cross compiler alone, so that the builds
# of `make check` share it, while each runs its own assembler over it.
CMS_DIR ?= $(B)/cms
CROSS ?= riscv64-unknown-elf-
Q := $(if $(V),,@)

# ---- flags --------------------------------------------------------------------------------------

ALL_CFLAGS = -std=gnu11 -Wall -Wextra $(if $(WERROR),-Werror) -I. $(CFLAGS)
# What CMS relies on, on every host: the semantics its RV32 compiler gives it. The host build is
# announced by CMS_HOST, the one for the machine by CMS_VLIW.
CMS_HOST_CFLAGS := -funsigned-char -fwrapv -fno-strict-aliasing
LDLIBS := -Wl,--as-needed -lZydis -linih -lcjson -lelf -lzstd -lm

# No %hi/%lo pairs, no small data, no unwind tables: text our assembler can take op by op. r3 and r4
# (gp, tp) are the assembler's own, to expand what a machine lacks. Unaligned access is hardware's.
CMS_VLIW_CFLAGS := -march=rv32im -mabi=ilp32 -O2 -std=gnu11 -ffreestanding -Wall -Wextra \
	$(if $(WERROR),-Werror) -fno-pic -mno-relax -mcmodel=medlow -msmall-data-limit=0 \
	-mno-explicit-relocs -mno-strict-align -ffixed-gp -ffixed-tp -fno-ident -fno-section-anchors \
	-fno-common -fno-asynchronous-unwind-tables -fno-unwind-tables \
	-fno-tree-loop-distribute-patterns -fno-stack-protector $(CMS_HOST_CFLAGS) -DCMS_VLIW=1 -I.

# ---- sources ------------------------------------------------------------------------------------

CMS_SRC := $(sort $(wildcard isa-frontend/*.c concealed-mem/*.c morpher/*.c))
HOST_SHIM_SRC := $(sort $(wildcard morpher/host/*.c))
HOSTED_SRC := $(sort $(wildcard vliw-model/*.c toolchain/*.c guest/*.c) \
	$(filter-out tests/oracle/functional.c,$(wildcard tests/oracle/*.c)) \
	$(filter-out cli/main.c,$(wildcard cli/*.c)))
# The interpreter a second time, over intrinsics of its own, for `chrysalis validate`: one object that
# shows functional_* alone.
FUNCTIONAL_SRC := tests/oracle/functional.c $(filter-out isa-frontend/lower%,$(wildcard isa-frontend/*.c))
MAIN_SRC := $(wildcard cli/main.c)
# What only the machine's build of CMS has: its entry points, the functions gcc takes for granted, and
# the freestanding part of the model that its translator shares with the tool chain.
VLIW_C := $(sort $(wildcard morpher/vliw/*.c toolchain/rt/*.c)) \
	vliw-model/encode.c vliw-model/isa.c vliw-model/mdesc.c
VLIW_ASM := $(sort $(wildcard morpher/vliw/*.S toolchain/rt/*.S))
UNIT_SRC := $(sort $(wildcard tests/unit/test_*.c))
# What tests share: an archive, so that each takes what it uses.
UNIT_SUPPORT_SRC := $(sort $(filter-out $(UNIT_SRC),$(wildcard tests/unit/*.c)))

obj = $(patsubst %.c,$(B)/obj/%.o,$(1))
CMS_OBJ := $(call obj,$(CMS_SRC) $(HOST_SHIM_SRC))
FUNCTIONAL_OBJ := $(B)/obj/tests/oracle/functional-whole.o
LIB_OBJ := $(CMS_OBJ) $(call obj,$(HOSTED_SRC)) $(FUNCTIONAL_OBJ)
MAIN_OBJ := $(call obj,$(MAIN_SRC))
UNIT_SUPPORT_OBJ := $(call obj,$(UNIT_SUPPORT_SRC))
UNIT_OBJ := $(call obj,$(UNIT_SRC))
UNIT_BIN := $(patsubst tests/unit/%.c,$(B)/tests/%,$(UNIT_SRC))

CMS_TEXT := $(patsubst %.c,$(CMS_DIR)/%.s,$(CMS_SRC) $(VLIW_C)) \
	$(patsubst %.S,$(CMS_DIR)/%.s,$(VLIW_ASM))
# Until a tree has the entry code and some CMS, there is no image to make.
CMS_IMAGE := $(if $(and $(CMS_SRC),$(wildcard morpher/vliw/*)),$(B)/cms.lo)

# ---- the usual targets --------------------------------------------------------------------------

# Unicorn, the second oracle, is linked into a helper program alone: it is under the GPL-2.
UNICORN := $(if $(wildcard /usr/include/unicorn/unicorn.h),$(B)/oracle-unicorn)

.PHONY: all help setup test-programs check demo bench docs format format-check clean distclean
all: $(if $(MAIN_SRC),$(B)/chrysalis $(CMS_IMAGE) $(UNICORN),$(B)/libchrysalis.a)

help:
	@echo 'all           build/chrysalis and the CMS image build/cms.lo (default)'
	@echo 'setup         install every package any target needs, fetch the guests (needs the network)'
	@echo 'check         all tests, under gcc, clang and sanitizers; last line "N passed, N failed"'
	@echo 'test-programs build the unit tests only'
	@echo 'demo          a Debian program on the simulated machine'
	@echo 'bench         simulation speed, beside qemu-i386 in the same run'
	@echo 'docs          regenerate the generated pages under docs/'
	@echo 'format        clang-format over all C; format-check only looks'
	@echo 'clean         remove what was built; distclean: also what was downloaded'

setup:
	toolchain/setup.sh
	guest/fetch.sh busybox-static

# ---- compiling and linking ----------------------------------------------------------------------

# Rewritten only when its text changes: what depends on it is rebuilt after a change of compiler,
# flags or the list of sources (a deleted file must leave the archive).
define remember
.PHONY: FORCE
$(1): FORCE
	@mkdir -p $$(@D)
	@echo '$$(strip $(2))' | cmp -s - $$@ || echo '$$(strip $(2))' >$$@
endef
$(eval $(call remember,$(B)/flags,$(CC) $(ALL_CFLAGS)))
$(eval $(call remember,$(B)/sources,$(LIB_OBJ) $(MAIN_OBJ) $(UNIT_SUPPORT_OBJ)))
$(eval $(call remember,$(CMS_DIR)/flags,$(CROSS) $(CMS_VLIW_CFLAGS)))
$(eval $(call remember,$(B)/cms.sources,$(CMS_TEXT)))

$(CMS_OBJ): private EXTRA := $(CMS_HOST_CFLAGS)
$(B)/obj/tests/%.o: private EXTRA := $(CMS_HOST_CFLAGS)
$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	@echo '  CC   $@'
	$(Q)$(CC) $(ALL_CFLAGS) $(EXTRA) -DCMS_HOST=1 -MMD -MP -c -o $@ $<

$(FUNCTIONAL_OBJ): $(call obj,$(FUNCTIONAL_SRC))
	$(Q)$(LD) -r -o $@.tmp $^ && $(OBJCOPY) -w -G 'functional_*' $@.tmp $@ && rm -f $@.tmp

$(B)/libchrysalis.a: $(LIB_OBJ) $(B)/sources
	@mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) rcsD $@ $(LIB_OBJ)

$(B)/chrysalis: $(MAIN_OBJ) $(B)/libchrysalis.a
	@echo '  LINK $@'
	$(Q)$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

$(B)/oracle-unicorn: $(call obj,tests/oracle/helper/unicorn.c) $(B)/libchrysalis.a
	@echo '  LINK $@'
	$(Q)$(CC) $(CFLAGS) -o $@ $^ -lunicorn $(LDLIBS)

# ---- CMS for the machine ------------------------------------------------------------------------

$(CMS_DIR)/%.s: %.c $(CMS_DIR)/flags
	@mkdir -p $(@D)
	@echo '  CMS  $@'
	$(Q)$(CROSS)gcc $(CMS_VLIW_CFLAGS) -MMD -MP -MT $@ -MF $(@:.s=.d) -S -o $@ $<

$(CMS_DIR)/%.s: %.S $(CMS_DIR)/flags
	@mkdir -p $(@D)
	@echo '  CMS  $@'
	$(Q)$(CROSS)gcc $(CMS_VLIW_CFLAGS) -P -MMD -MP -MT $@ -MF $(@:.s=.d) -E -o $@ $<

$(B)/cms.lo: $(CMS_TEXT) $(B)/chrysalis $(B)/cms.sources
	@echo '  AS   $@'
	$(Q)$(B)/chrysalis as -o $@ $(CMS_TEXT)

# ---- tests --------------------------------------------------------------------------------------

test-programs: $(UNIT_BIN)

.SECONDARY: $(UNIT_OBJ) # not to be deleted as intermediates

$(B)/libsupport.a: $(UNIT_SUPPORT_OBJ) $(B)/sources
	@mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) rcsD $@ $(UNIT_SUPPORT_OBJ)

$(B)/tests/%: $(B)/obj/tests/unit/%.o $(B)/libsupport.a $(B)/libchrysalis.a
	@mkdir -p $(@D)
	@echo '  LINK $@'
	$(Q)$(CC) $(CFLAGS) -o $@ $^ -lcmocka $(LDLIBS)

SAN_CFLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=undefined

# Built one after another, each by this same file; then all tests in one go, so that there is one
# count. tests/run.sh runs what takes long with the plain build only.
check:
	toolchain/setup.sh build test
	guest/fetch.sh busybox-static
	$(MAKE) --no-print-directory B=build CC=gcc all test-programs
	$(MAKE) --no-print-directory B=build/clang CC=clang CMS_DIR=build/cms all test-programs
	$(MAKE) --no-print-directory B=build/san CC=gcc CFLAGS='$(SAN_CFLAGS)' CMS_DIR=build/cms all test-programs
	@tests/run.sh build build/clang build/san

# ---- showing ------------------------------------------------------------------------------------

demo:
	toolchain/setup.sh build
	guest/fetch.sh busybox-static
	$(MAKE) --no-print-directory B=build all
	@tests/demo.sh

bench:
	toolchain/setup.sh build bench
	guest/fetch.sh busybox-static
	$(MAKE) --no-print-directory B=build all
	@tests/bench.sh

# ---- generated pages, format --------------------------------------------------------------------

docs: $(B)/chrysalis
	@mkdir -p docs
	$(Q)$(B)/chrysalis ops --markdown >$(B)/ops.md && cp $(B)/ops.md docs/ops.md

FORMAT_DIRS := $(wildcard vliw-model toolchain concealed-mem isa-frontend morpher guest cli tests experiments)
FORMATTED := $(sort $(shell find $(FORMAT_DIRS) -name '*.[ch]'))
format:
	clang-format -i $(FORMATTED)
format-check:
	@clang-format --dry-run --Werror --ferror-limit=1 $(FORMATTED)

# Downloads survive `clean`, so that check and bench keep working without network.
clean:
	rm -rf $(filter-out build/cache,$(wildcard build/*))
distclean:
	rm -rf build

-include $(patsubst %.o,%.d,$(call obj,tests/oracle/functional.c tests/oracle/helper/unicorn.c) $(LIB_OBJ) $(MAIN_OBJ) $(UNIT_OBJ) $(UNIT_SUPPORT_OBJ))
-include $(CMS_TEXT:.s=.d)
