/* SPDX-License-Identifier: Apache-2.0 */
/*
 * field: one key of emqx.conf, declared once, beside the room that it configures.
 * From this row come parsing, defaults, bounds, `conf show`, the answer to "what
 * needs a restart", and emqx.conf(5).
 *
 *	{ .path = "max_packet_size", CONF_MEMBER(struct zone, max_packet_size),
 *	  .type = CONF_SIZE, .def = "1MB", .min = 1, .max = 268435460,
 *	  .reload = CONF_NEW_CONNECTIONS, .help = "largest packet that is read" },
 */
#ifndef CONF_FIELD_H
#define CONF_FIELD_H

#include "emqxd/conf/value.h"
#include "emqxd/core/rate.h"
#include "ipc/base/span.h"

enum conf_type {
	CONF_BOOL,    /* bool: true false on off */
	CONF_INT,     /* any integer member: digits, or one of the words */
	CONF_SIZE,    /* any integer member, bytes: "64KB", or one of the words */
	CONF_SPAN,    /* span_t: "15s", a bare number is milliseconds; words in ns */
	CONF_PERCENT, /* any integer member: "80%" or "0.8" is 80 */
	CONF_RATIO,   /* any integer member, thousandths: "1.5" is 1500 */
	CONF_ENUM,    /* any integer member or enum: one of the words */
	CONF_RATE,    /* struct rate: "1000/s", "100/5m"; min, max bound the number */
	CONF_TEXT,    /* const char *: never NULL, "" when unset */
	CONF_ADDR,    /* struct conf_addr */
	CONF_LIST,    /* struct conf_list */
	CONF_MAP,     /* struct conf_map: an object of numbers, or of the words */
};

/* What a changed value takes to be in force. */
enum conf_reload {
	CONF_LIVE,            /* at once */
	CONF_NEW_CONNECTIONS, /* for connections that come after the reload */
	CONF_LISTENER,        /* when its listener is restarted */
	CONF_RESTART          /* when emqxd is restarted */
};

/* A field whose room does not do yet what it says.  Its default is accepted. */
enum conf_built {
	CONF_BUILT,
	CONF_IGNORED, /* another value is listed with the keys that mean nothing here */
	CONF_REFUSED  /* another value stops the start: somebody would rely on it */
};

struct conf_field {
	const char *path; /* under the section's path: "tcp_options.backlog" */
	enum conf_type type;
	enum conf_reload reload;
	uint32_t at, size;             /* of the member: CONF_MEMBER */
	const char *def;               /* as one would write it; NULL: unset, zero */
	int64_t min, max;              /* of the number (spans: ns); both 0: no bound */
	const struct conf_word *words; /* ends with { NULL, 0 } */
	bool secret;                   /* printed as ****** */
	enum conf_built built;
	const char *unit; /* what a bare number counts, or NULL */
	const char *help; /* one sentence without a full stop */
};

#define CONF_MEMBER(struct_, member_)     \
	.at = offsetof(struct_, member_), \
	.size = (uint32_t)sizeof(((struct_ *)0)->member_)

#endif
