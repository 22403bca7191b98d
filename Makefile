# SPDX-License-Identifier: Apache-2.0
# emqxd and emqx_ctl.  `make help` lists the targets; the README has the two
# commands for a bare machine.
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
# libssl is named whether or not it is called yet: what emqxd needs is seen before its start.
LIBS_emqxd  := -lraft -luv -lurcu-qsbr -lurcu-common -llmdb -lpcre2-8 -lcjson -lcurl -lresolv -Wl,--no-as-needed -lssl -Wl,--as-needed -lcrypto
LIBS_ctl    := -ledit

ipc_src   := $(wildcard ipc/base/*.c ipc/*.c)
emqxd_src := $(sort $(foreach r,$(ROOMS),$(wildcard $(r)/*.c $(r)/*/*.c)))
ctl_src   := $(wildcard ctl/*.c)
unit_src  := $(wildcard tests/unit/*/*.c tests/unit/*/*/*.c)
tool_src  := $(wildcard tests/tools/*.c)

objs = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
ipc_o   := $(call objs,$(ipc_src))
emqxd_o := $(call objs,$(emqxd_src))
ctl_o   := $(call objs,$(ctl_src))

.PHONY: all
all: $(BUILD)/emqxd $(BUILD)/emqx_ctl

# A vendor's own: the public key (PEM) that its licences are verified with when
# license.public_key is not set.
LICENSE_PUBLIC_KEY ?=
ifneq ($(LICENSE_PUBLIC_KEY),)
$(BUILD)/obj/emqxd/license/license_key.o: CFLAGS += -DEMQXD_LICENSE_PUBLIC_KEY='"$(shell sed '/-----/d' '$(LICENSE_PUBLIC_KEY)' | tr -d '\n')"'
$(BUILD)/obj/emqxd/license/license_key.o: $(LICENSE_PUBLIC_KEY)
endif

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/libipc.a: $(ipc_o)
	@mkdir -p $(@D)
	@rm -f $@
	ar rcs $@ $^
$(BUILD)/libemqxd.a: $(emqxd_o)
	@mkdir -p $(@D)
	@rm -f $@
	ar rcs $@ $^
$(BUILD)/libctl.a: $(filter-out %/ctl/main.o,$(ctl_o))
	@mkdir -p $(@D)
	@rm -f $@
	ar rcs $@ $^
$(BUILD)/emqxd: $(BUILD)/obj/emqxd/main.o $(BUILD)/libemqxd.a $(BUILD)/libipc.a
	$(CC) $(LDFLAGS) -o $@ $< -Wl,--start-group $(BUILD)/libemqxd.a $(BUILD)/libipc.a -Wl,--end-group $(LIBS_emqxd) $(LIBS_ipc) -lm
$(BUILD)/emqx_ctl: $(BUILD)/obj/ctl/main.o $(BUILD)/libctl.a $(BUILD)/libipc.a
	$(CC) $(LDFLAGS) -o $@ $< $(BUILD)/libctl.a $(BUILD)/libipc.a $(LIBS_ctl) $(LIBS_ipc)

# ---- tests: one program per tests/unit/**/test_*.c, one tool per tests/tools/*.c
tap_o  := $(BUILD)/obj/tests/unit/tap.o
units  := $(patsubst %.c,$(BUILD)/%,$(unit_src))
tools  := $(patsubst %.c,$(BUILD)/%,$(tool_src))
$(units): $(BUILD)/%: $(BUILD)/obj/%.o $(tap_o) $(BUILD)/libemqxd.a $(BUILD)/libctl.a $(BUILD)/libipc.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $< $(tap_o) -Wl,--start-group $(BUILD)/libemqxd.a $(BUILD)/libctl.a $(BUILD)/libipc.a -Wl,--end-group $(LIBS_emqxd) $(LIBS_ctl) $(LIBS_ipc) -lm
# A tool may have a folder of its own name with its parts.
tool_parts = $(call objs,$(wildcard tests/tools/$(1)/*.c))
.SECONDEXPANSION:
$(tools): $(BUILD)/tests/tools/%: $(BUILD)/obj/tests/tools/%.o $$(call tool_parts,$$*) $(BUILD)/libemqxd.a $(BUILD)/libipc.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(BUILD)/libemqxd.a $(BUILD)/libipc.a -Wl,--end-group $(LIBS_emqxd) $(LIBS_ipc) -lm
.SECONDARY: $(call objs,$(unit_src) $(tool_src) $(wildcard tests/tools/*/*.c)) $(tap_o)

.PHONY: units
units: $(units)

# ---- fuzzers: the rooms as they are, compiled with clang for coverage (build-asan)
fuzz_src := $(wildcard tests/fuzz/fuzz_*.c)
fuzzers  := $(patsubst %.c,$(BUILD)/%,$(fuzz_src))
$(fuzzers): $(BUILD)/%: $(BUILD)/obj/%.o $(BUILD)/libemqxd.a $(BUILD)/libctl.a $(BUILD)/libipc.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $< -Wl,--start-group $(BUILD)/libemqxd.a $(BUILD)/libctl.a $(BUILD)/libipc.a -Wl,--end-group $(LIBS_emqxd) $(LIBS_ctl) $(LIBS_ipc) -lm
.SECONDARY: $(call objs,$(fuzz_src))

# ---- the simulation: the rooms as they are over tests/sim's system calls (--wrap), the
# mailboxes with a chance to give way before each atomic step; sim-NAME is the same with
# the fault NAME of tests/sim/plants
sim_wrap   := recv readv send sendmsg shutdown close getsockopt getpeername write \
              epoll_create1 epoll_ctl epoll_wait eventfd span_mono_now span_wall_now \
              jobs_post lock_take lock_give urcu_qsbr_synchronize_rcu \
              urcu_qsbr_register_thread urcu_qsbr_unregister_thread \
              urcu_qsbr_thread_online urcu_qsbr_thread_offline \
              slab_new slab_new_zero slab_try slab_free slab_resize slab_turn
sim_o      := $(call objs,$(wildcard tests/sim/*.c))
sim_plants := $(shell sed -n 's/^plant \([^ ]*\) .*/\1/p' tests/sim/plants)
sims       := $(BUILD)/tests/sim/sim $(sim_plants:%=$(BUILD)/tests/sim/sim-%)
sim_libs   := $(BUILD)/sim/yield.a $(BUILD)/libemqxd.a $(BUILD)/libipc.a
SIM_LINK    = $(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(sim_wrap:%=-Wl,--wrap=%) -Wl,--start-group $(sim_libs) -Wl,--end-group $(LIBS_emqxd) $(LIBS_ipc) -lm
$(BUILD)/sim/mailbox.o: emqxd/core/mailbox.c tests/sim/yield.h
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -include tests/sim/yield.h -MMD -MP -c -o $@ $<
$(BUILD)/sim/yield.a: $(BUILD)/sim/mailbox.o
	@rm -f $@
	ar rcs $@ $^
$(BUILD)/sim/plant-%.c: tests/sim/plants tests/sim/plant.awk $(emqxd_src)
	@mkdir -p $(@D)
	awk -v plant=$* -f tests/sim/plant.awk tests/sim/plants > $@
$(BUILD)/sim/plant-%.o: $(BUILD)/sim/plant-%.c tests/sim/yield.h
	$(CC) $(CFLAGS) -include tests/sim/yield.h -MMD -MP -c -o $@ $<
$(BUILD)/tests/sim/sim: $(sim_o) $(sim_libs)
	@mkdir -p $(@D)
	$(SIM_LINK)
$(BUILD)/tests/sim/sim-%: $(sim_o) $(BUILD)/sim/plant-%.o $(sim_libs)
	@mkdir -p $(@D)
	$(SIM_LINK)
.SECONDARY: $(sim_o) $(sim_plants:%=$(BUILD)/sim/plant-%.c) $(sim_plants:%=$(BUILD)/sim/plant-%.o)
.PHONY: sims
sims: $(sims)

# ---- the mutants: the daemon with one line of it wrong, for the scenarios to find
mutants := $(shell sed -n 's/^plant \([^ ]*\) .*/\1/p' tests/play/mutants)
$(BUILD)/mutant/%.c: tests/play/mutants tests/sim/plant.awk $(emqxd_src)
	@mkdir -p $(@D)
	awk -v plant=$* -f tests/sim/plant.awk tests/play/mutants > $@
$(BUILD)/mutant/%.o: $(BUILD)/mutant/%.c
	$(CC) $(CFLAGS) -w -c -o $@ $<
$(BUILD)/mutant/%: $(BUILD)/obj/emqxd/main.o $(BUILD)/mutant/%.o $(BUILD)/libemqxd.a $(BUILD)/libipc.a
	$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(BUILD)/libemqxd.a $(BUILD)/libipc.a -Wl,--end-group $(LIBS_emqxd) $(LIBS_ipc) -lm
.SECONDARY: $(mutants:%=$(BUILD)/mutant/%.c) $(mutants:%=$(BUILD)/mutant/%.o)
.PHONY: mutants-built mutants
mutants-built: $(mutants:%=$(BUILD)/mutant/%)
mutants: all tools mutants-built
	$(TEST) mutants

# ---- other versions of the daemon and the tool, for nodes of several versions in one cluster
vers_names := older newer too-new
.PHONY: vers $(vers_names:%=vers-%)
vers: $(vers_names:%=vers-%)
$(vers_names:%=vers-%): vers-%: all
	@$(MAKE) --no-print-directory -f tests/vers/vers.mk BUILD=$(BUILD) VERS=$* vers-one

# ---- the other builds: make asan|tsan|cov WHAT="all units"
JOBS ?= $(shell nproc)
WHAT ?= all units tools
UB   := -fno-sanitize-recover=all -fno-omit-frame-pointer
.PHONY: tools fuzzers asan tsan cov
tools: $(tools)
fuzzers: $(fuzzers)
asan:
	$(MAKE) -j$(JOBS) BUILD=build-asan CC=clang HARDEN= OPT="-O1 -g" SAN="-fsanitize=address,undefined,fuzzer-no-link $(UB)" $(WHAT) fuzzers
tsan:
	$(MAKE) -j$(JOBS) BUILD=build-tsan CC=gcc HARDEN= OPT="-O1 -g" SAN="-fsanitize=thread $(UB)" $(WHAT)
cov:
	$(MAKE) -j$(JOBS) BUILD=build-cov CC=gcc HARDEN= OPT="-O0 -g" SAN=--coverage $(WHAT)

# ---- tests
TEST = @BUILD=$(BUILD) sh tests/tools/run.sh
.PHONY: check check-all check-bare lint play bats sim chaos bench bench-cluster soak million fuzz coverage
check:
	@$(MAKE) -j$(JOBS) all units tools vers
	$(TEST) lint units play bats cluster
check-all:
	@sh tests/tools/check-all.sh
check-bare:
	@sh packaging/check-bare
lint: all
	$(TEST) lint
play: all tools
	$(TEST) play
bats: all tools
	$(TEST) bats
sim: sims
	$(TEST) sim
chaos: all
	@BUILD=$(BUILD) CHAOS_MINUTES=$${CHAOS_MINUTES:-30} exec /usr/bin/python3 tests/cluster/chaos.py
bench: all
	@BUILD=$(BUILD) sh tests/bench/bench.sh && BUILD=$(BUILD) sh tests/bench/answer.sh
bench-cluster: all
	@BUILD=$(BUILD) sh tests/bench/cluster.sh $(PARTS)
soak: all tools
	@SOAK_SECONDS=$${SOAK_SECONDS:-600} bats --print-output-on-failure tests/bats/56-soak.bats
million: all tools
	@MILLION=$${MILLION:-1000000} EXPIRY=$${EXPIRY:-100} bats --print-output-on-failure tests/bats/57-million.bats
fuzz:
	@$(MAKE) asan WHAT=
	@sh tests/tools/fuzz.sh build-asan
coverage:
	@$(MAKE) cov
	@sh tests/tools/coverage.sh build-cov

# ---- what is made of it
.PHONY: run cluster docs install dist clean help
# exec: a signal that make passes on is theirs, not a shell's between.
run: all
	@BUILD=$(BUILD) exec sh packaging/node
cluster: all
	@BUILD=$(BUILD) exec sh packaging/cluster
docs: all
	sh tests/tools/docs.sh $(BUILD) .

BINDIR     = $(DESTDIR)$(PREFIX)/bin
SBINDIR    = $(DESTDIR)$(PREFIX)/sbin
MANDIR     = $(DESTDIR)$(PREFIX)/share/man
COMPLETIONS = $(DESTDIR)$(PREFIX)/share
CONFDIR    = $(DESTDIR)$(SYSCONFDIR)/emqx
UNITDIR    = $(DESTDIR)$(PREFIX)/lib/systemd/system
# An operator's emqx.conf is kept: the new one is put beside it.
install: all
	install -D -m 755 $(BUILD)/emqxd $(SBINDIR)/emqxd
	install -D -m 755 $(BUILD)/emqx_ctl $(BINDIR)/emqx_ctl
	for page in $(wildcard man/*.[1-8]); do \
		install -D -m 644 $$page $(MANDIR)/man$${page##*.}/$${page#man/} || exit 1; \
	done
	install -D -m 644 completions/emqx_ctl.bash $(COMPLETIONS)/bash-completion/completions/emqx_ctl
	install -D -m 644 completions/_emqx_ctl $(COMPLETIONS)/zsh/vendor-completions/_emqx_ctl
	install -D -m 644 completions/emqx_ctl.fish $(COMPLETIONS)/fish/vendor_completions.d/emqx_ctl.fish
	if [ -e $(CONFDIR)/emqx.conf ]; then \
		install -m 644 packaging/emqx.conf $(CONFDIR)/emqx.conf.new; \
	else \
		install -D -m 644 packaging/emqx.conf $(CONFDIR)/emqx.conf; \
	fi
	install -d $(UNITDIR)
	sed 's,@PREFIX@,$(PREFIX),g; s,@SYSCONFDIR@,$(SYSCONFDIR),g' packaging/systemd/emqxd.service > $(UNITDIR)/emqxd.service
	install -D -m 644 packaging/systemd/sysusers.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/emqxd.conf
	install -D -m 644 packaging/systemd/tmpfiles.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/emqxd.conf
dist:
	@mkdir -p $(BUILD)
	git archive --prefix=emqxd-$(VERSION)/ HEAD | gzip -9n > $(BUILD)/emqxd-$(VERSION).tar.gz
clean:
	rm -rf $(BUILD) build-asan build-tsan build-cov
help:
	@echo 'make              build/emqxd and build/emqx_ctl, -O2 -g, hardened, warnings are errors'
	@echo 'make run          a node in ./run with its shell'
	@echo 'make cluster      three nodes that are one broker, with a shell (PORT, CLUSTER_PORT, EMQXD_RUN)'
	@echo 'make check        lint, unit, play and bats tests; the last line is the sum'
	@echo 'make check-all    the long cases of several nodes, three minutes of chaos; ASan+UBSan (clang), TSan (gcc), valgrind'
	@echo 'make check-bare   the two commands of the README in a bare Debian folder (root)'
	@echo 'make lint|units|play|bats|sim   one kind of test'
	@echo 'make vers         an older, a newer and a too new emqxd, for tests/cluster/test_versions.py'
	@echo 'make mutants      faults of one line in the daemon, each of which a scenario must find'
	@echo 'make bench        CPU per message beside mosquitto'
	@echo 'make bench-cluster CPU per message between nodes, a million routes, the death of a leader (PARTS="forward routes death")'
	@echo 'make soak         ten minutes of cut connections, every message counted (SOAK_SECONDS, SOAK_SEED)'
	@echo 'make chaos        thirty minutes of three nodes under load and faults (CHAOS_MINUTES, CHAOS_SEED)'
	@echo 'make million      a million sessions that expire: the longest turn, and memory after it (MILLION=number)'
	@echo 'make fuzz         each fuzzer 60 s from its corpus (FUZZ_TIME=seconds)'
	@echo 'make coverage     lines that the tests run, by room'
	@echo 'make docs         man pages and completions from the registers'
	@echo 'make install      DESTDIR= PREFIX=/usr SYSCONFDIR=/etc'
	@echo 'make dist clean help'

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
