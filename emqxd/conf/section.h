/* SPDX-License-Identifier: Apache-2.0 */
/*
 * section: a room's part of the configuration: its table of fields and the
 * struct that they fill.  A room declares one `const struct conf_section` in its
 * *_conf.c; app/ hands all of them to conf_load().
 *
 * A section has one struct (path "mqtt"), or one for every name that stands in
 * place of a $segment ("listeners.tcp.$name"): an array.  With an overlay, the
 * first struct of the array holds the values under @path, and each name found
 * under @overlay ("zones.$name.mqtt") has a struct that starts as the first's
 * copy.  A list of objects ("rewrite = [{...}, {...}]") has the numbers of its items for
 * names; what a reload leaves out of it is gone.
 */
#ifndef CONF_SECTION_H
#define CONF_SECTION_H

#include "emqxd/conf/field.h"

/* The sections there are: conf_get() takes one.  The struct of each in brackets. */
enum conf_id {
	CONF_CORE,           /* struct core_conf     app/core_conf.h */
	CONF_CTL,            /* struct ctl_conf      admin/ctl_conf.h */
	CONF_ZONES,          /* struct zone []       model/zone.h; use zone_get() */
	CONF_LISTENERS,      /* struct listener_conf []  net/listener_conf.h */
	CONF_RETAIN,         /* struct retain_limits retain/retain.h */
	CONF_STORE,          /* struct store_limits  store/store_conf.h */
	CONF_DELAYED,        /* struct delayed_limits  publish/delayed.h */
	CONF_REWRITE,        /* struct rewrite_rule []  client/rewrite.h */
	CONF_AUTO_SUBSCRIBE, /* struct auto_topic []  client/auto_subscribe.h */
	CONF_SYS_TOPICS,     /* struct sys_topics_conf  modules/sys_topics.h */
	CONF_ALARM,          /* struct alarm_limits  core/alarm.h */
	CONF_SHARES,         /* struct share_conf []  router/share_rule.h */
	CONF_LICENSE,        /* struct license_conf  license/license_conf.h */
	CONF_AUTHN,          /* struct authn_conf []  access/authn.h */
	CONF_DISCOVERY,      /* struct discover_keys discover/discover_conf.h */
	CONF_CLUSTER,        /* struct cluster_conf  cluster/cluster_conf.h */
	CONF_ID_N
};

struct conf_snapshot;
struct conf_settling;

struct conf_section {
	enum conf_id id;
	const char *path;    /* "ctl", "listeners.tcp.$name", "" for several roots */
	const char *overlay; /* NULL, or a path with $name whose values go over */
	const struct conf_field *field;
	size_t n;
	size_t size;      /* of the struct */
	uint32_t name_at; /* of an array: offset of its const char *name */
	/* Of an array, offsets of two bools for a name that was there before a reload and is
	 * no more: the first is cleared, the second set; its other fields stay as they were.
	 * 0: none. */
	uint32_t enable_at, gone_at;
	bool is_list; /* the names are the numbers of a list's items: "1", "2" */
	const char *name_prefix; /* before the name: "tcp:"; NULL: none */
	const char *born;        /* a name that is there unasked, or NULL */
	/* After all sections are read: checks what fields together must keep and
	 * fills what follows from other sections.  May be NULL. */
	void (*settle)(void *self, struct conf_settling *in);
};

/* For settle: another section's structs, already read. */
const void *conf_settling_get(const struct conf_settling *in, enum conf_id id, size_t *n);
/* For settle: a text that lives as long as the snapshot. */
const char *conf_settling_text(struct conf_settling *in, struct slice s);
/* For settle: this value is wrong.  @path is the field's, under the section's path. */
void conf_settling_fault(struct conf_settling *in, const char *path, const char *hint,
    const char *fmt, ...) EM_PRINTF(4, 5);

#endif
