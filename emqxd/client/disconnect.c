/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disconnect: DISCONNECT in and out.  Reason 0 takes the will away; any other leaves it
 * to be published [MQTT5-3.14.4-3].
 */
#include "emqxd/client/channel.h"
#include "emqxd/core/log.h"
#include "emqxd/core/trace_point.h"
#include "emqxd/model/metrics.h"
#include "emqxd/mqtt/encode.h"
#include "emqxd/mqtt/prop.h"
#include "emqxd/net/listener.h"

void
disconnect_on_packet(struct channel *ch, const struct mqtt_frame *f)
{
	struct mqtt_disconnect p;
	struct mqtt_fault fault;

	metric_inc(METRIC_PACKETS_DISCONNECT_RECEIVED);
	if (mqtt_decode_disconnect(f, channel_version(ch),
		channel_decode_flags(channel_zone(ch)), &p, &fault) != EM_OK) {
		channel_fault(ch, &fault);
		return;
	}
	if (channel_is_v5(ch) && prop_has(&p.props, MQTT_PROP_SESSION_EXPIRY)) {
		if (p.props.session_expiry != 0 &&
		    (ch->flags & CHANNEL_MAY_EXPIRE) == 0) {
			channel_refuse(ch, REASON_PROTOCOL_ERROR,
			    "[MQTT5-3.14.2.2.2] the session expiry was 0 and may not be "
			    "raised");
			return;
		}
		ch->expiry = p.props.session_expiry;
	}
	if (p.reason == 0) {
		ch->flags &= (uint16_t)~CHANNEL_HAS_WILL;
		conn_end(ch->conn, END_NORMAL, END_BY_CLIENT, NULL);
	} else if (p.reason == REASON_DISCONNECT_WITH_WILL) {
		conn_end(ch->conn, END_DISCONNECT_WITH_WILL, END_BY_CLIENT, NULL);
	} else {
		conn_end(
		    ch->conn, END_CLIENT_ERROR, END_BY_CLIENT, reason_name(p.reason));
	}
}

void
disconnect_send(struct channel *ch, uint8_t code, const char *detail)
{
	struct mqtt_packet p = { .type = MQTT_DISCONNECT,
		.version = channel_version(ch),
		.first = MQTT_DISCONNECT << 4,
		.disconnect = { .reason = code } };
	const char *server = channel_zone(ch)->server_reference;
	struct mqtt_props *props = &p.disconnect.props;
	struct wbuf w;
	em_err err;
	size_t n;

	if (code == REASON_SERVER_SHUTTING_DOWN && server[0] != '\0') {
		p.disconnect.reason = REASON_USE_ANOTHER_SERVER;
		*PROP_SET(props, SERVER_REFERENCE, server_reference) = slice_str(server);
	}
	if (detail != NULL && (ch->flags & CHANNEL_TERSE) == 0)
		*PROP_SET(props, REASON_STRING, reason_string) = slice_str(detail);
	prop_trim(props, mqtt_encode_size(&p), ch->max_packet);
	n = mqtt_encode_size(&p);
	if (n == 0 || n > ch->max_packet)
		return;
	w = wbuf_fixed(conn_room(ch->conn, n), n);
	err = mqtt_encode(&w, &p);
	CHECK(err == EM_OK);
	metric_inc(METRIC_PACKETS_DISCONNECT_SENT);
	if (trace_is_on())
		tracing_sent(ch, &p);
}

/* ---- the log */

static const char *
peer_text(const struct conn *c, char text[ADDR_TEXT_MAX])
{
	struct net_addr peer = conn_peer(c);

	addr_print(&peer, text);
	return text;
}

void
disconnect_log_refusal(
    const struct conn *c, const struct mqtt_connect *p, uint8_t code, const char *detail)
{
	char text[ADDR_TEXT_MAX];

	LOG(INFO, "connect_refused", "clientid", p != NULL ? p->client_id : SLICE_NONE,
	    "username", p != NULL ? p->username : SLICE_NONE, "peer", peer_text(c, text),
	    "listener", listener_id(c->listener), "reason", reason_name(code), "detail",
	    detail != NULL ? detail : "");
}

void
disconnect_log_end(
    const struct conn *c, end_reason why, end_side side, const char *detail)
{
	const struct channel *ch = c->owner;
	char text[ADDR_TEXT_MAX];
	bool is_news = side == END_BY_SERVER && why != END_SERVER_SHUTTING_DOWN;

	if (detail == NULL)
		detail = "";
	if (ch == NULL && is_news) {
		LOG(INFO, "connection_ended", "peer", peer_text(c, text), "listener",
		    listener_id(c->listener), "reason", end_get(why)->name, "detail",
		    detail);
	} else if (ch == NULL) {
		LOG(DEBUG, "connection_ended", "peer", peer_text(c, text), "listener",
		    listener_id(c->listener), "reason", end_get(why)->name, "by",
		    end_side_name(side), "detail", detail);
	} else if (is_news) {
		LOG(INFO, "client_ended", "clientid", session_clientid(ch->session),
		    "peer", session_peer(ch->session), "reason", end_get(why)->name,
		    "detail", detail);
	} else {
		LOG(DEBUG, "client_ended", "clientid", session_clientid(ch->session),
		    "peer", session_peer(ch->session), "reason", end_get(why)->name, "by",
		    end_side_name(side), "detail", detail);
	}
}
