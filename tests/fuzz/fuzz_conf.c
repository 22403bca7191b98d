/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_conf: any bytes as emqx.conf, and behind the first NUL as variables.
 *
 * What is accepted is shown, and loaded a second time over itself: that changes
 * nothing.  Files are not included: the fuzzer would read the machine's.
 */
#include "emqxd/access/authn.h"
#include "emqxd/admin/ctl_conf.h"
#include "emqxd/app/core_conf.h"
#include "emqxd/conf/change.h"
#include "emqxd/conf/load.h"
#include "emqxd/model/zone.h"
#include "emqxd/discover/discover_conf.h"
#include "emqxd/license/license_conf.h"
#include "emqxd/net/listener_conf.h"
#include "emqxd/cluster/cluster_conf.h"
#include "emqxd/client/auto_subscribe.h"
#include "emqxd/client/rewrite.h"
#include "emqxd/modules/sys_conf.h"
#include "emqxd/publish/delayed_conf.h"
#include "emqxd/retain/retain_conf.h"
#include "emqxd/router/share_rule.h"
#include "emqxd/store/store_conf.h"

#define VARIABLES_MAX 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct conf_section *const sections[] = { &core_conf, &ctl_conf, &zone_conf,
	&listener_conf, &retain_conf, &store_conf, &delayed_conf, &rewrite_conf,
	&auto_subscribe_conf, &sys_topics_conf, &sys_alarm_conf, &authn_conf,
	&license_conf, &share_conf, &cluster_conf, &discover_conf };

static void
show(const struct conf_snapshot *s)
{
	struct conf_shown v;
	size_t at = 0;

	while (conf_show_next(s, SLICE_NONE, &at, &v)) {
		CHECK(*v.path != '\0' && v.origin.n > 0);
		conf_shown_fini(&v);
	}
	for (size_t i = 0; i < conf_ignored_count(s); i++)
		CHECK(conf_ignored_get(s, i).path != NULL);
}

static void
load_again(struct conf_load how, const struct conf_snapshot *first)
{
	struct conf_report report = { 0 };
	struct conf_changes changes = { 0 };
	struct conf_snapshot *second;
	em_err err;

	how.before = first;
	err = conf_load(&how, &second, &report);
	CHECK(err == EM_OK);
	conf_changes_find(first, second, &changes);
	CHECK(changes.list.n == 0);
	conf_changes_fini(&changes);
	conf_snapshot_free(&second);
	conf_report_fini(&report);
}

static void
load(struct slice text, char *const *variables)
{
	struct conf_report report = { 0 };
	struct conf_snapshot *s;
	struct str said = { 0 };
	struct conf_load how = { .file = "emqx.conf",
		.text = text,
		.environ = variables,
		.section = sections,
		.n = sizeof(sections) / sizeof(sections[0]) };
	em_err err = conf_load(&how, &s, &report);

	CHECK((err == EM_OK) == (report.fault.n == 0));
	CHECK((err == EM_OK) == (s != NULL));
	conf_report_print(&report, &said);
	for (size_t i = 0; i < said.n; i++)
		CHECK(said.p[i] == '\n' || (uint8_t)said.p[i] >= ' ');
	if (s != NULL) {
		show(s);
		load_again(how, s);
	}
	str_fini(&said);
	conf_report_fini(&report);
	conf_snapshot_free(&s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *copy = mem_dup(data, n), *variables[VARIABLES_MAX + 1] = { NULL };
	size_t length = strlen(copy);

	if (strstr(copy, "include") == NULL) {
		for (size_t i = 0, at = length + 1; at < n && i < VARIABLES_MAX; i++) {
			variables[i] = copy + at;
			at += strlen(copy + at) + 1;
		}
		load(slice_of(copy, length), variables);
	}
	mem_free(copy);
	return 0;
}
