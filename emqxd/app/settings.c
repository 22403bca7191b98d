/* SPDX-License-Identifier: Apache-2.0 */
/* settings: see settings.h. */
#include "emqxd/app/settings.h"
#include "emqxd/app/core_conf.h"
#include "emqxd/app/options.h"
#include "emqxd/access/authn.h"
#include "emqxd/admin/ctl_conf.h"
#include "emqxd/cluster/cluster_conf.h"
#include "emqxd/client/auto_subscribe.h"
#include "emqxd/client/rewrite.h"
#include "emqxd/conf/persist.h"
#include "emqxd/conf/report.h"
#include "emqxd/core/log.h"
#include "emqxd/discover/discover_conf.h"
#include "emqxd/license/license_conf.h"
#include "emqxd/model/zone.h"
#include "emqxd/net/listener_conf.h"
#include "emqxd/modules/sys_conf.h"
#include "emqxd/publish/delayed_conf.h"
#include "emqxd/retain/retain_conf.h"
#include "emqxd/router/share_rule.h"
#include "emqxd/store/store_conf.h"

#include "ipc/base/mem.h"

#include <stdio.h>
#include <unistd.h>

static const struct conf_section *const sections[] = { &core_conf, &ctl_conf, &zone_conf,
	&listener_conf, &retain_conf, &store_conf, &delayed_conf, &rewrite_conf,
	&auto_subscribe_conf, &sys_topics_conf, &sys_alarm_conf, &authn_conf,
	&license_conf, &share_conf, &cluster_conf, &discover_conf };
enum { SECTIONS_N = sizeof sections / sizeof sections[0] };

const struct conf_section *const *
settings_sections(size_t *n)
{
	*n = SECTIONS_N;
	return sections;
}

static em_err
load(const char *file, const char *over, struct slice over_text,
    const struct conf_snapshot *before, struct conf_snapshot **out,
    struct conf_report *report)
{
	const struct conf_load how = { .file = file,
		.over = over,
		.over_text = over_text,
		.environ = environ,
		.section = sections,
		.n = SECTIONS_N,
		.before = before };

	return conf_load(&how, out, report);
}

static const char *
data_dir(const struct conf_snapshot *s)
{
	const struct core_conf *core = conf_snapshot_get(s, CONF_CORE, NULL);

	return core->data_dir;
}

/* The same again, with what was set over the file. */
static em_err
load_over(const char *file, const char *dir, const struct str *text,
    const struct conf_snapshot *before, struct conf_snapshot **out,
    struct conf_report *report)
{
	struct str path = { 0 };
	em_err err;

	persist_path(dir, &path);
	conf_snapshot_free(out);
	conf_report_fini(report);
	*report = (struct conf_report){ .more = false };
	err = load(file, str_get(&path), str_slice(text), before, out, report);
	str_fini(&path);
	return err;
}

em_err
settings_load(const char *file, const struct conf_snapshot *before,
    struct conf_snapshot **out, struct conf_report *report)
{
	em_err err = load(file, NULL, SLICE_NONE, before, out, report);
	struct fault f = { .err = EM_OK };
	struct str text = { 0 };
	char *dir;

	if (err != EM_OK)
		return err;
	dir = mem_strdup(data_dir(before != NULL ? before : *out));
	err = persist_read(dir, &text, &f);
	if (err == EM_OK && text.n > 0)
		err = load_over(file, dir, &text, before, out, report);
	else if (err == EM_NOTFOUND)
		err = EM_OK;
	else if (err != EM_OK) {
		conf_snapshot_free(out);
		report_fault(report, (struct tree_pos){ 0 }, NULL, "%s", f.text);
	}
	fault_clear(&f);
	str_fini(&text);
	mem_free(dir);
	return err;
}

em_err
settings_try(const struct options *o, const struct conf_snapshot *before,
    const struct str *over, struct conf_snapshot **out, struct conf_report *report)
{
	struct str path = { 0 };
	em_err err;

	persist_path(data_dir(before), &path);
	err = load(o->conf, str_get(&path), str_slice(over), before, out, report);
	str_fini(&path);
	return err;
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
	em_err err = warn ? settings_load(file, NULL, out, &report)
			  : load(file, NULL, SLICE_NONE, NULL, out, &report);

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
