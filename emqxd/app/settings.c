/* SPDX-License-Identifier: Apache-2.0 */
/* settings: see settings.h. */
#include "emqxd/app/settings.h"
#include "emqxd/app/core_conf.h"
#include "emqxd/access/authn.h"
#include "emqxd/admin/ctl_conf.h"
#include "emqxd/client/auto_subscribe.h"
#include "emqxd/client/rewrite.h"
#include "emqxd/core/log.h"
#include "emqxd/model/zone.h"
#include "emqxd/net/listener_conf.h"
#include "emqxd/modules/sys_conf.h"
#include "emqxd/publish/delayed_conf.h"
#include "emqxd/retain/retain_conf.h"
#include "emqxd/router/share_rule.h"
#include "emqxd/store/store_conf.h"

#include <stdio.h>
#include <unistd.h>

static const struct conf_section *const sections[] = { &core_conf, &ctl_conf, &zone_conf,
	&listener_conf, &retain_conf, &store_conf, &delayed_conf, &rewrite_conf,
	&auto_subscribe_conf, &sys_topics_conf, &sys_alarm_conf, &authn_conf,
	&share_conf };
enum { SECTIONS_N = sizeof sections / sizeof sections[0] };

em_err
settings_load(const char *file, const struct conf_snapshot *before,
    struct conf_snapshot **out, struct conf_report *report)
{
	const struct conf_load how = { .file = file,
		.environ = environ,
		.section = sections,
		.n = SECTIONS_N,
		.before = before };

	return conf_load(&how, out, report);
}

void
settings_say(const struct conf_report *report)
{
	struct str text = { 0 };

	conf_report_print(report, &text);
	fputs(str_get(&text), stderr);
	str_fini(&text);
}

void
settings_refuse(const struct conf_report *report)
{
	settings_say(report);
	fputs("emqxd: this configuration is refused; -c FILE names another\n", stderr);
}

/* All that the warning counts, with its place. */
static void
say_ignored(const struct conf_snapshot *s)
{
	struct str text = { 0 };

	for (size_t i = 0; i < conf_ignored_count(s); i++) {
		struct conf_ignored k = conf_ignored_get(s, i);

		if (k.is_so_anyway)
			continue;
		str_addf(&text, "    %s: ", k.origin);
		str_add_escaped(&text, slice_str(k.path));
		str_add_char(&text, '\n');
	}
	fputs(str_get(&text), stderr);
	str_fini(&text);
}

em_err
settings_read(const char *file, bool warn, struct conf_snapshot **out)
{
	struct conf_report report = { .more = false };
	em_err err = settings_load(file, NULL, out, &report);

	if (err != EM_OK)
		settings_refuse(&report);
	else if (warn) {
		settings_say(&report);
		say_ignored(*out);
	}
	conf_report_fini(&report);
	return err;
}

void
settings_log_warnings(const struct conf_report *report)
{
	for (size_t i = 0; i < report->warning.n; i++) {
		const struct conf_note *note = &report->warning.p[i];

		LOG(WARN, "conf_warning", "at", note->where, "text", note->text, "hint",
		    note->hint);
	}
}

void
settings_docs(struct str *out)
{
	conf_docs_mdoc(sections, SECTIONS_N, out);
}
