/* SPDX-License-Identifier: Apache-2.0 */
/* sys_payload: see sys_payload.h. */
#include "emqxd/modules/sys_payload.h"
#include "emqxd/core/clock.h"

static void
text(struct str *out, const char *key, struct slice value)
{
	str_addf(out, "%s\"%s\":\"", out->n > 1 ? "," : "", key);
	str_add_json(out, value);
	str_add_char(out, '"');
}

static void
number(struct str *out, const char *key, int64_t value)
{
	str_addf(out, "%s\"%s\":%lld", out->n > 1 ? "," : "", key, (long long)value);
}

static int64_t
ms_of(wall_t t)
{
	return t.ns / 1000000;
}

static void
begin(const struct clientinfo *who, struct str *out)
{
	str_add_char(out, '{');
	text(out, "clientid", who->clientid);
	text(out, "username", who->has_username ? who->username : SLICE_LIT("undefined"));
	text(out, "protocol", SLICE_LIT("mqtt"));
	number(out, "ts", ms_of(clock_wall()));
}

static void
connection(const struct clientinfo *who, struct str *out)
{
	char peer[ADDR_TEXT_MAX];
	size_t n = addr_print(&who->peer, peer);
	const char *colon = strrchr(peer, ':');
	struct slice ip = slice_of(peer, colon != NULL ? (size_t)(colon - peer) : n);

	if (ip.n > 2 && ip.p[0] == '[')
		ip = slice_of(ip.p + 1, ip.n - 2);
	text(out, "ipaddress", ip);
	number(out, "sockport", who->sockport);
	text(out, "proto_name",
	    who->version == 3 ? SLICE_LIT("MQIsdp") : SLICE_LIT("MQTT"));
	number(out, "proto_ver", who->version);
	number(out, "connected_at", ms_of(who->connected_at));
}

void
sys_payload_connected(const struct clientinfo *who, struct str *out)
{
	begin(who, out);
	connection(who, out);
	number(out, "keepalive", who->keepalive);
	str_addf(out, ",\"clean_start\":%s", who->clean_start ? "true" : "false");
	number(out, "expiry_interval", (int64_t)who->expiry * 1000);
	str_add_char(out, '}');
}

void
sys_payload_disconnected(const struct clientinfo *who, end_reason why, struct str *out)
{
	begin(who, out);
	connection(who, out);
	text(out, "reason", slice_str(end_get(why)->name));
	number(out, "disconnected_at", ms_of(clock_wall()));
	str_add_char(out, '}');
}

void
sys_payload_subscribed(const struct clientinfo *who, struct slice filter,
    const struct subopts *opts, struct str *out)
{
	begin(who, out);
	text(out, "topic", filter);
	str_addf(out, ",\"subopts\":{\"qos\":%u,\"nl\":%u,\"rap\":%u,\"rh\":%u}",
	    opts->qos, opts->no_local, opts->retain_as_published, opts->retain_handling);
	str_add_char(out, '}');
}

void
sys_payload_unsubscribed(
    const struct clientinfo *who, struct slice filter, struct str *out)
{
	begin(who, out);
	text(out, "topic", filter);
	str_add_char(out, '}');
}

void
sys_payload_alarm(const struct alarm *a, struct str *out)
{
	bool is_over = a->cleared.ns != 0;

	str_add_char(out, '{');
	text(out, "name", slice_str(a->name));
	text(out, "message", slice_str(a->message));
	str_addf(out, ",\"details\":%s", a->details);
	number(out, "activate_at", a->activated.ns / 1000);
	str_addf(out, ",\"activated\":%s", is_over ? "false" : "true");
	if (is_over)
		number(out, "deactivate_at", a->cleared.ns / 1000);
	else
		text(out, "deactivate_at", SLICE_LIT("infinity"));
	str_add_char(out, '}');
}
