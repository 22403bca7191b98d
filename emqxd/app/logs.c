/* SPDX-License-Identifier: Apache-2.0 */
/* logs: see logs.h. */
#include "emqxd/app/logs.h"
#include "emqxd/app/folder.h"
#include "emqxd/core/log_sink.h"

static struct log_sink_conf
sink_of(const struct core_log_sink *c, const char *id, enum log_sink_kind kind)
{
	return (struct log_sink_conf){ .id = id,
		.kind = kind,
		.format =
		    c->format == CORE_FORMAT_JSON ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT,
		.level = c->level <= LOG_DEBUG ? (int)c->level : LOG_OFF,
		.is_enabled = c->enable,
		.time_offset = c->time_offset };
}

/* The folder of the file is made; if it cannot be, opening the file says so. */
static em_err
add(const struct log_sink_conf *sink, struct fault *f)
{
	unsigned made;

	if (sink->kind == LOG_SINK_FILE && sink->is_enabled)
		(void)folder_make_for(sink->path, 0750, &made);
	return log_sink_add(log_sinks(), sink, f);
}

/* The audit's lines are written whatever the level, unless the file says otherwise. */
static int
default_of(const char *room)
{
	return strcmp(room, "admin") == 0 ? LOG_INFO : LOG_UNSET;
}

static void
set_rooms(const struct core_conf *c)
{
	const char *room;

	for (unsigned i = 0; (room = log_room_name(i)) != NULL; i++) {
		(void)log_set_room(slice_str(room), default_of(room));
	}
	for (size_t i = 0; i < c->log_rooms.n; i++) {
		const struct conf_pair *pair = &c->log_rooms.pair[i];

		if (log_set_room(slice_str(pair->name), (int)pair->value) != EM_OK)
			LOG(WARN, "log_room_unknown", "room", pair->name);
	}
}

em_err
logs_configure(const struct core_conf *c, bool console, struct fault *f)
{
	struct log_sink_conf sink[3] = {
		sink_of(&c->file, "file", LOG_SINK_FILE),
		sink_of(&c->journald, "journald", LOG_SINK_JOURNAL),
		sink_of(&c->console, "console", LOG_SINK_CONSOLE),
	};
	int primary = LOG_OFF;

	sink[0].path = c->log_path;
	sink[0].rotation_size = c->log_rotation_size;
	sink[0].rotation_count = c->log_rotation_count;
	sink[2].is_enabled |= console;
	for (unsigned i = 0; i < 3; i++) {
		em_err err = add(&sink[i], f);

		if (err != EM_OK)
			return err;
		if (sink[i].is_enabled && sink[i].level > primary)
			primary = sink[i].level;
	}
	log_set_primary(primary);
	set_rooms(c);
	return EM_OK;
}
