/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core_conf: the fields of node.* and log.*.
 */
#include "emqxd/app/core_conf.h"
#include "emqxd/cluster/cluster.h"
#include "emqxd/core/log.h"
#include "emqxd/core/worker.h"

#define CORE(member_) CONF_MEMBER(struct core_conf, member_)

/* EMQX has more levels than we; the first of a value is how it is printed. */
static const struct conf_word levels[] = { { "debug", LOG_DEBUG }, { "info", LOG_INFO },
	{ "notice", LOG_INFO }, { "warning", LOG_WARN }, { "warn", LOG_WARN },
	{ "error", LOG_ERROR }, { "critical", LOG_ERROR }, { "alert", LOG_ERROR },
	{ "emergency", LOG_ERROR }, { "all", LOG_DEBUG }, { NULL, 0 } };
static const struct conf_word formats[] = { { "text", CORE_FORMAT_TEXT },
	{ "json", CORE_FORMAT_JSON }, { NULL, 0 } };
static const struct conf_word automatic[] = { { "auto", 0 }, { NULL, 0 } };
static const struct conf_word off[] = { { "infinity", INT64_MAX },
	{ "disabled", INT64_MAX }, { NULL, 0 } };
static const struct conf_word no_rotation[] = { { "infinity", -1 }, { NULL, 0 } };

#define SECOND_NS INT64_C(1000000000)

static const struct conf_field fields[] = {
	{ .path = "node.name",
	    CORE(node_name),
	    .type = CONF_TEXT,
	    .def = "emqx@127.0.0.1",
	    .min = 1,
	    .max = 128,
	    .reload = CONF_RESTART,
	    .help = "Name of the node, in $SYS topics and in the prompt" },
	{ .path = "node.cookie",
	    CORE(cookie),
	    .type = CONF_TEXT,
	    .def = CLUSTER_COOKIE,
	    .min = 1,
	    .max = 255,
	    .secret = true,
	    .reload = CONF_RESTART,
	    .help = "Secret that the nodes of a cluster share; while it is the default, "
		    "other "
		    "nodes can come from this machine only" },
	{ .path = "node.data_dir",
	    CORE(data_dir),
	    .type = CONF_TEXT,
	    .def = "/var/lib/emqx",
	    .min = 1,
	    .reload = CONF_RESTART,
	    .help = "Folder of what survives a restart" },
	{ .path = "node.user",
	    CORE(user),
	    .type = CONF_TEXT,
	    .def = "",
	    .reload = CONF_RESTART,
	    .help =
		"User that emqxd becomes when root starts it; the right to open ports "
		"below 1024 is kept" },
	{ .path = "node.workers",
	    CORE(workers),
	    .type = CONF_INT,
	    .def = "auto",
	    .min = 1,
	    .max = WORKER_MAX,
	    .words = automatic,
	    .reload = CONF_RESTART,
	    .help = "Threads that serve clients; auto is one for each CPU that emqxd may "
		    "use" },
	{ .path = "node.memory_limit",
	    CORE(memory_limit),
	    .type = CONF_SIZE,
	    .def = "auto",
	    .min = 16 << 20,
	    .max = INT64_C(1) << 50,
	    .words = automatic,
	    .unit = "bytes",
	    .reload = CONF_LIVE,
	    .help = "Resident memory from which on new work is refused; auto is four "
		    "fifths of what the machine or the container has" },
	{ .path = "node.watchdog",
	    CORE(watchdog),
	    .type = CONF_SPAN,
	    .def = "30s",
	    .min = SECOND_NS,
	    .max = 3600 * SECOND_NS,
	    .words = off,
	    .unit = "ms",
	    .reload = CONF_RESTART,
	    .help =
		"How long a thread may stand still before emqxd writes where, and ends" },

	{ .path = "log.console.enable",
	    CORE(console.enable),
	    .type = CONF_BOOL,
	    .def = "true",
	    .reload = CONF_LIVE,
	    .help = "Whether the log goes to standard error, which systemd gives to the "
		    "journal" },
	{ .path = "log.console.level",
	    CORE(console.level),
	    .type = CONF_ENUM,
	    .def = "warning",
	    .words = levels,
	    .reload = CONF_LIVE,
	    .help = "What goes there: this level and what is worse" },
	{ .path = "log.console.formatter",
	    CORE(console.format),
	    .type = CONF_ENUM,
	    .def = "text",
	    .words = formats,
	    .reload = CONF_LIVE,
	    .help = "Lines of text, or one JSON object a line" },
	{ .path = "log.console.time_offset",
	    CORE(console.time_offset),
	    .type = CONF_TEXT,
	    .def = "system",
	    .reload = CONF_LIVE,
	    .help = "Zone of the time: system, utc, or an offset such as +08:00" },
	{ .path = "log.file.enable",
	    CORE(file.enable),
	    .type = CONF_BOOL,
	    .def = "false",
	    .reload = CONF_LIVE,
	    .help = "Whether the log goes to a file" },
	{ .path = "log.file.path",
	    CORE(log_path),
	    .type = CONF_TEXT,
	    .def = "/var/log/emqx/emqx.log",
	    .min = 1,
	    .reload = CONF_LIVE,
	    .help = "Path of that file" },
	{ .path = "log.file.dir",
	    CORE(log_dir),
	    .type = CONF_TEXT,
	    .def = "",
	    .reload = CONF_LIVE,
	    .help = "Folder of a log.file.path that is relative; a relative folder is "
		    "under node.data_dir" },
	{ .path = "log.file.level",
	    CORE(file.level),
	    .type = CONF_ENUM,
	    .def = "warning",
	    .words = levels,
	    .reload = CONF_LIVE,
	    .help = "What goes there: this level and what is worse" },
	{ .path = "log.file.formatter",
	    CORE(file.format),
	    .type = CONF_ENUM,
	    .def = "text",
	    .words = formats,
	    .reload = CONF_LIVE,
	    .help = "Lines of text, or one JSON object a line" },
	{ .path = "log.file.time_offset",
	    CORE(file.time_offset),
	    .type = CONF_TEXT,
	    .def = "system",
	    .reload = CONF_LIVE,
	    .help = "Zone of the time: system, utc, or an offset such as +08:00" },
	{ .path = "log.file.rotation_count",
	    CORE(log_rotation_count),
	    .type = CONF_INT,
	    .def = "10",
	    .min = 1,
	    .max = 128,
	    .unit = "files",
	    .reload = CONF_LIVE,
	    .help = "Files that are kept" },
	{ .path = "log.file.rotation_size",
	    CORE(log_rotation_size),
	    .type = CONF_SIZE,
	    .def = "50MB",
	    .min = 4096,
	    .max = INT64_C(1) << 40,
	    .words = no_rotation,
	    .unit = "bytes",
	    .reload = CONF_LIVE,
	    .help = "Size at which a new file is begun" },
	{ .path = "log.journald.enable",
	    CORE(journald.enable),
	    .type = CONF_BOOL,
	    .def = "false",
	    .reload = CONF_LIVE,
	    .help = "Whether the log goes to the journal directly, with its fields" },
	{ .path = "log.journald.level",
	    CORE(journald.level),
	    .type = CONF_ENUM,
	    .def = "warning",
	    .words = levels,
	    .reload = CONF_LIVE,
	    .help = "What goes there: this level and what is worse" },
	{ .path = "log.rooms",
	    CORE(log_rooms),
	    .type = CONF_MAP,
	    .def = "{}",
	    .words = levels,
	    .reload = CONF_LIVE,
	    .help = "A level of its own for a part of emqxd, such as log.rooms.net = "
		    "debug" },
};

/* It stands in topics, file names and prompts. */
static bool
is_node_name(const char *name)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789_-.@:";

	return strspn(name, ok) == strlen(name);
}

static bool
is_time_offset(const char *v)
{
	static const char digits[] = "0123456789";

	if (strcmp(v, "system") == 0 || strcmp(v, "utc") == 0)
		return true;
	return strlen(v) == 6 && (v[0] == '+' || v[0] == '-') && v[3] == ':' &&
	       strspn(v + 1, digits) == 2 && strspn(v + 4, digits) == 2;
}

static void
settle_path(struct core_conf *c, struct conf_settling *in)
{
	struct str path = { 0 };

	if (c->log_path[0] == '/')
		return;
	if (c->log_dir[0] != '/') {
		str_add(&path, c->data_dir);
		str_add_char(&path, '/');
	}
	if (c->log_dir[0] != '\0') {
		str_add(&path, c->log_dir);
		str_add_char(&path, '/');
	}
	str_add(&path, c->log_path);
	c->log_path = conf_settling_text(in, str_slice(&path));
	str_fini(&path);
}

static void
settle(void *self, struct conf_settling *in)
{
	static const char hint[] = "system, utc, or an offset such as +08:00";
	struct core_conf *c = self;

	if (!is_node_name(c->node_name))
		conf_settling_fault(in, "node.name", "such as emqx@127.0.0.1",
		    "letters, digits and _ - . @ : are expected");
	if (!is_time_offset(c->console.time_offset))
		conf_settling_fault(
		    in, "log.console.time_offset", hint, "this is no offset");
	if (!is_time_offset(c->file.time_offset))
		conf_settling_fault(
		    in, "log.file.time_offset", hint, "this is no offset");
	settle_path(c, in);
}

const struct conf_section core_conf = {
	.id = CONF_CORE,
	.path = "",
	.field = fields,
	.n = sizeof(fields) / sizeof(fields[0]),
	.size = sizeof(struct core_conf),
	.settle = settle,
};
