/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fixture: loads a text as if it were emqx.conf, with the real tables.
 */
#ifndef TESTS_UNIT_CONF_FIXTURE_H
#define TESTS_UNIT_CONF_FIXTURE_H

#include "emqxd/access/authn.h"
#include "emqxd/admin/ctl_conf.h"
#include "emqxd/app/core_conf.h"
#include "emqxd/conf/load.h"
#include "emqxd/model/zone.h"
#include "emqxd/net/listener_conf.h"
#include "emqxd/cluster/cluster_conf.h"
#include "emqxd/client/auto_subscribe.h"
#include "emqxd/client/rewrite.h"
#include "emqxd/discover/discover_conf.h"
#include "emqxd/license/license_conf.h"
#include "emqxd/modules/sys_conf.h"
#include "emqxd/publish/delayed_conf.h"
#include "emqxd/retain/retain_conf.h"
#include "emqxd/router/share_rule.h"
#include "emqxd/store/store_conf.h"
#include "tests/unit/tap.h"

#define FIXTURE_SECTIONS 16

struct loaded {
	em_err err;
	struct conf_snapshot *s;
	struct conf_report report;
	struct str text; /* of the report */
};

static inline const struct conf_section *const *
fixture_sections(void)
{
	static const struct conf_section *const sections[FIXTURE_SECTIONS] = { &core_conf,
		&ctl_conf, &zone_conf, &listener_conf, &retain_conf, &store_conf,
		&delayed_conf, &rewrite_conf, &auto_subscribe_conf, &sys_topics_conf,
		&sys_alarm_conf, &authn_conf, &license_conf, &share_conf, &cluster_conf,
		&discover_conf };

	return sections;
}

/* @text NULL: without a file. */
static inline struct loaded
fixture_load(const char *text, char *const *environ_, const struct conf_snapshot *before)
{
	struct loaded l = { 0 };
	struct conf_load how = { .file = text != NULL ? "emqx.conf" : NULL,
		.text = slice_str(text),
		.environ = environ_,
		.section = fixture_sections(),
		.n = FIXTURE_SECTIONS,
		.before = before };

	l.err = conf_load(&how, &l.s, &l.report);
	conf_report_print(&l.report, &l.text);
	return l;
}

static inline void
fixture_free(struct loaded *l)
{
	conf_snapshot_free(&l->s);
	conf_report_fini(&l->report);
	str_fini(&l->text);
}

/* Refused, with @n faults, and the report says @what. */
static inline void
fixture_refuses(const char *text, size_t n, const char *what)
{
	struct loaded l = fixture_load(text, NULL, NULL);

	if (strstr(str_get(&l.text), what) == NULL)
		tap_fail(
		    __FILE__, __LINE__, "'%s' is not in: %s", what, str_get(&l.text));
	EQ(l.report.fault.n, n);
	OK(l.err != EM_OK);
	OK(l.s == NULL);
	fixture_free(&l);
}

static inline struct loaded
fixture_takes(const char *text)
{
	struct loaded l = fixture_load(text, NULL, NULL);

	STR_EQ(l.err == EM_OK ? "" : str_get(&l.text), "");
	OK(l.s != NULL);
	return l;
}

static inline const struct zone *
fixture_zone(const struct loaded *l, const char *name)
{
	size_t n;
	const struct zone *z = conf_snapshot_get(l->s, CONF_ZONES, &n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(z[i].name, name) == 0)
			return &z[i];
	tap_fail(__FILE__, __LINE__, "no zone %s", name);
}

static inline const struct listener_conf *
fixture_listener(const struct loaded *l, const char *name)
{
	size_t n;
	const struct listener_conf *c = conf_snapshot_get(l->s, CONF_LISTENERS, &n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(c[i].name, name) == 0)
			return &c[i];
	return NULL;
}

static inline const struct core_conf *
fixture_core(const struct loaded *l)
{
	return conf_snapshot_get(l->s, CONF_CORE, NULL);
}

#endif
