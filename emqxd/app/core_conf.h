/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core_conf: the fields of the engine, node.* and log.*: core may not know conf,
 * so app reads them and hands them down.
 */
#ifndef APP_CORE_CONF_H
#define APP_CORE_CONF_H

#include "emqxd/conf/section.h"

enum core_format { CORE_FORMAT_TEXT, CORE_FORMAT_JSON };

struct core_log_sink {
	bool enable;
	uint8_t level; /* enum log_level */
	enum core_format format;
	const char *time_offset; /* "system", "utc", "+08:00" */
};

struct core_conf {
	const char *node_name; /* "emqx@127.0.0.1" */
	const char *cookie;    /* what nodes of one cluster share */
	const char *data_dir;
	const char *user;      /* whom root becomes; "": nobody else */
	uint32_t workers;      /* 0: as many as there are CPUs for us */
	uint64_t memory_limit; /* 0: auto */
	span_t watchdog;       /* a turn longer than that aborts; infinite: off */
	struct core_log_sink console, file, journald;
	const char *log_path;        /* resolved against log.file.dir */
	const char *log_dir;         /* log.file.dir */
	uint32_t log_rotation_count; /* files kept */
	uint64_t log_rotation_size;  /* bytes; UINT64_MAX: never */
	struct conf_map log_rooms;   /* room -> enum log_level */
};

extern const struct conf_section core_conf;

#endif
