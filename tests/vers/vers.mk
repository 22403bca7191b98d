# SPDX-License-Identifier: Apache-2.0
# vers: emqxd and emqx_ctl as another version would be: make vers.  What overlay.sh changes
# and what depends on it is compiled again, the rest is this build's.
#
#	make -f tests/vers/vers.mk VERS=newer vers-one
include Makefile

V      := $(BUILD)/vers/$(VERS)
over   := $(V)/over
edited := $(shell sh tests/vers/overlay.sh $(VERS))
version := $(shell sh tests/vers/overlay.sh $(VERS) version)
vers_src := $(sort $(filter %.c,$(edited)) \
	$(shell grep -l EMQXD_VERSION $(ipc_src) $(emqxd_src) $(ctl_src)) \
	$(patsubst $(BUILD)/obj/%.d,%.c,$(shell grep -lE '$(subst $() ,|,$(strip $(edited)))' \
		$(patsubst %.o,%.d,$(ipc_o) $(emqxd_o) $(ctl_o)) 2>/dev/null)))
extra  := $(wildcard tests/vers/$(VERS).c)
vers_o := $(patsubst %.c,$(V)/obj/%.o,$(vers_src) $(extra))
daemon_o := $(filter-out $(V)/obj/ctl/%,$(vers_o))
tool_o := $(filter $(V)/obj/ctl/% $(V)/obj/ipc/%,$(vers_o))
own = $(if $(filter %/$(1),$(vers_o)),,$(BUILD)/obj/$(1))

$(V)/stamp: tests/vers/overlay.sh $(edited)
	@sh tests/vers/overlay.sh $(VERS) $(over)
	@touch $@
$(vers_o): $(V)/obj/%.o: $(V)/stamp
	@mkdir -p $(@D)
	$(CC) -I$(over) $(filter-out -g,$(subst -DEMQXD_VERSION='"$(VERSION)"',-DEMQXD_VERSION='"$(version)"',$(CFLAGS))) -O1 \
		-MMD -MP -c -o $@ $(firstword $(wildcard $(over)/$*.c) $*.c)
$(V)/emqxd: $(daemon_o) $(call own,emqxd/main.o) $(BUILD)/libemqxd.a $(BUILD)/libipc.a
	$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(BUILD)/libemqxd.a $(BUILD)/libipc.a -Wl,--end-group $(LIBS_emqxd) $(LIBS_ipc) -lm
$(V)/emqx_ctl: $(tool_o) $(call own,ctl/main.o) $(BUILD)/libctl.a $(BUILD)/libipc.a
	$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(BUILD)/libctl.a $(BUILD)/libipc.a $(LIBS_ctl) $(LIBS_ipc)
.PHONY: vers-one
vers-one: $(V)/emqxd $(V)/emqx_ctl
-include $(vers_o:.o=.d)
