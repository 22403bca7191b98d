# emqxd and emqx_ctl.  `make help` lists the targets; the README has the two commands for a bare machine.
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

BUILD   ?= build
CC      ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
PREFIX  ?= /usr
SYSCONFDIR ?= /etc
DESTDIR ?=
VERSION := $(shell sed -n 's/^\#\# \([0-9][0-9.]*\).*/\1/p' CHANGELOG.md 2>/dev/null | head -n 1)
VERSION := $(or $(VERSION),0.1.0)

# ROOMS and SAN are for those who build a part of the house, or all of it under a sanitizer.
ROOMS   ?= $(shell awk '$$1 ~ /^[0-9]+$$/ && $$2 ~ /^emqxd\// { print $$2 }' emqxd/FLOORS)
OPT     ?= -O2 -g
SAN     ?=
WARN    := -Wall -Wextra -Wshadow -Wconversion -Wcast-qual -Wformat=2 -Wstrict-prototypes \
           -Wmissing-prototypes -Wundef -Wvla -Wswitch-enum -Werror
HARDEN  ?= -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fcf-protection
CFLAGS  := -std=c11 -D_GNU_SOURCE $(OPT) $(WARN) $(HARDEN) -fPIE -pthread $(SAN) -I. \
           -DEMQXD_VERSION='"$(VERSION)"' $(EXTRA)
LDFLAGS := -pie -pthread -Wl,-z,relro,-z,now $(SAN)
LIBS_ipc    := -lmsgpackc
LIBS_emqxd  := -lurcu-qsbr -lurcu-common -lcjson -lssl -lcrypto
LIBS_ctl    := -ledit -lcjson

ipc_src   := $(wildcard ipc/base/*.c ipc/*.c)
emqxd_src := $(sort $(foreach r,$(ROOMS),$(wildcard $(r)/*.c $(r)/*/*.c)))
ctl_src   := $(wildcard ctl/*.c)
unit_src  := $(wildcard tests/unit/*/*.c tests/unit/*/*/*.c)
tool_src  := $(wildcard tests/tools/*.c)

objs = $(patsubst %.c,$(BUILD)/%.o,$(1))
ipc_o   := $(call objs,$(ipc_src))
emqxd_o := $(call objs,$(emqxd_src))
ctl_o   := $(call objs,$(ctl_src))

.PHONY: all
all: $(BUILD)/emqxd $(BUILD)/emqx_ctl

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/libipc.a: $(ipc_o)
	@rm -f $@
	ar rcs $@ $^
$(BUILD)/libemqxd.a: $(emqxd_o)
	@rm -f $@
	ar rcs $@ $^
$(BUILD)/libctl.a: $(filter-out %/ctl/main.o,$(ctl_o))
	@rm -f $@
	ar rcs $@ $^
$(BUILD)/emqxd: $(BUILD)/emqxd/main.o $(BUILD)/libemqxd.a $(BUILD)/libipc.a
	$(CC) $(LDFLAGS) -o $@ $< -Wl,--start-group $(BUILD)/libemqxd.a $(BUILD)/libipc.a -Wl,--end-group $(LIBS_emqxd) $(LIBS_ipc) -lm
$(BUILD)/emqx_ctl: $(BUILD)/ctl/main.o $(BUILD)/libctl.a $(BUILD)/libipc.a
	$(CC) $(LDFLAGS) -o $@ $< $(BUILD)/libctl.a $(BUILD)/libipc.a $(LIBS_ctl) $(LIBS_ipc)

# ---- tests: one program per tests/unit/**/test_*.c, one tool per tests/tools/*.c
tap_o  := $(BUILD)/tests/unit/tap.o
units  := $(patsubst %.c,$(BUILD)/%,$(unit_src))
tools  := $(patsubst %.c,$(BUILD)/%,$(tool_src))
$(units): %: %.o $(tap_o) $(BUILD)/libemqxd.a $(BUILD)/libctl.a $(BUILD)/libipc.a
	$(CC) $(LDFLAGS) -o $@ $< $(tap_o) -Wl,--start-group $(BUILD)/libemqxd.a $(BUILD)/libctl.a $(BUILD)/libipc.a -Wl,--end-group $(LIBS_emqxd) $(LIBS_ctl) $(LIBS_ipc) -lm
$(tools): %: %.o $(BUILD)/libemqxd.a $(BUILD)/libipc.a
	$(CC) $(LDFLAGS) -o $@ $< -Wl,--start-group $(BUILD)/libemqxd.a $(BUILD)/libipc.a -Wl,--end-group $(LIBS_emqxd) $(LIBS_ipc) -lm
.SECONDARY: $(patsubst %,%.o,$(units) $(tools)) $(tap_o)

.PHONY: units
units: $(units)
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.PHONY: clean
clean:
	rm -rf $(BUILD)
