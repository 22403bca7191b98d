/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener_conf: what a listener is told: listeners.tcp.NAME.*.
 *
 *	size_t n = conf_count(CONF_LISTENERS);
 *	const struct listener_conf *l = conf_get(CONF_LISTENERS);
 *
 * "tcp:default" is there unasked, unless the file names its listeners the way of
 * 4.x (listener.tcp.external = 1883).
 */
#ifndef NET_LISTENER_CONF_H
#define NET_LISTENER_CONF_H

#include "emqxd/conf/section.h"

#define LISTENER_UNLIMITED UINT32_MAX

struct tcp_options {
	uint32_t backlog;
	span_t send_timeout;     /* a peer that takes nothing for so long ... */
	bool send_timeout_close; /* ... is closed */
	bool nodelay, reuseaddr;
	uint32_t recbuf, sndbuf; /* bytes; 0: the kernel's choice */
	span_t user_timeout;     /* TCP_USER_TIMEOUT; 0: the kernel's choice */
	/* SO_KEEPALIVE: idle 0 is off.  Seconds, seconds, probes. */
	uint32_t keepalive_idle, keepalive_interval, keepalive_probes;
	const char *keepalive; /* as written: "none" or "240,30,5" */
};

/* Whom the listener asks who he is. */
enum listener_authn { LISTENER_ASKS_NOBODY, LISTENER_ASKS, LISTENER_ASKS_NAMED };

struct listener_conf {
	const char *name; /* "tcp:default" */
	struct conf_addr bind;
	bool enable;              /* false: known, not started */
	uint8_t authn;            /* listener_authn */
	bool is_removed;          /* the file names it no more: must not be started */
	uint32_t max_connections; /* LISTENER_UNLIMITED: none */
	const char *mountpoint;   /* resolved: its own, or its zone's; "": none */
	const char *zone;
	uint16_t zone_number; /* for zone_get() */
	uint32_t
	    high_watermark; /* resolved: tcp_options.high_watermark, or mqtt.max_outq_bytes:
	                            bytes that may wait for one slow socket */
	struct tcp_options tcp;
};

extern const struct conf_section listener_conf;

#endif
