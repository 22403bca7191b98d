/* SPDX-License-Identifier: Apache-2.0 */
/* claiming: see claiming.h. */
#include "emqxd/client/claiming.h"
#include "emqxd/client/auth_exchange.h"
#include "emqxd/client/early.h"
#include "emqxd/limit/limit.h"
#include "emqxd/model/metrics.h"
#include "emqxd/net/listener.h"
#include "emqxd/net/listener_conf.h"
#include "emqxd/session/claim.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"

struct claiming {
	struct claim claim;
	struct conn *conn; /* NULL: it has ended */
	uint32_t magic;
	bool has_auth, is_superuser;
	struct str client_id, connect, method, data, identity;
	size_t held; /* counted with limit_hold() */
};
#define CLAIMING_MAGIC 0xc1a1a106u

static void
claiming_free(struct claiming *w)
{
	str_fini(&w->client_id);
	str_fini(&w->connect);
	str_fini(&w->method);
	str_fini(&w->data);
	str_fini(&w->identity);
	limit_release(w->held);
	w->magic = 0;
	mem_free(w);
}

/* ---- while it waits */

/* What came behind the CONNECT stays where it is. */
static size_t
on_bytes(struct conn *c, uint8_t *p, size_t n, size_t *need)
{
	(void)c;
	(void)p;
	(void)n;
	*need = 0;
	return 0;
}

static void
on_ended(struct conn *c, end_reason why, end_side side, const char *detail)
{
	struct claiming *w = c->owner;

	CHECK_OBJ(w, CLAIMING_MAGIC);
	w->conn = NULL;
	early_ended(c, why, side, detail);
}

static const struct conn_ops *
ops_while_claiming(void)
{
	static const struct conn_ops ops = {
		.on_started = early_on_started,
		.on_bytes = on_bytes,
		.on_writable = early_on_writable,
		.on_last_word = early_on_last_word,
		.on_ended = on_ended,
	};

	return &ops;
}

/* ---- the answer */

/* The owner is the lobby's again, as if CONNECT had just come. */
static void
go_on(struct conn *c, struct claiming *w)
{
	const struct zone *zone = zone_get(listener_settings(c->listener)->zone_number);
	struct auth_result auth = { .method = str_slice(&w->method),
		.data = str_slice(&w->data),
		.identity = str_slice(&w->identity),
		.is_superuser = w->is_superuser };
	struct connect_how how = { .frame = str_slice(&w->connect),
		.auth = w->has_auth ? &auth : NULL,
		.is_claimed = true };
	struct mqtt_fault fault;
	struct mqtt_connect p;
	struct mqtt_frame f;
	enum mqtt_peek peek = mqtt_frame_peek(how.frame, &f);

	CHECK(peek == MQTT_PEEK_WHOLE);
	c->ops = client_conn_ops();
	c->owner = NULL;
	if (mqtt_decode_connect(&f, channel_decode_flags(zone), &p, &fault) != EM_OK) {
		/* Only when a reload made the rules stricter meanwhile. */
		connect_refuse(c, &p, p.version, fault.reason, fault.rule);
		return;
	}
	p.client_id = str_slice(&w->client_id);
	connect_accept(c, &p, &how);
	conn_resume(c);
}

static void
on_done(struct claim *claim)
{
	struct claiming *w = LIST_OWNER(claim, struct claiming, claim);

	CHECK_OBJ(w, CLAIMING_MAGIC);
	/* A node that stood still reads a CONNECT whose client is elsewhere by now: an empty
	 * session here would be its session everywhere. */
	if (w->conn != NULL && conn_has_left(w->conn))
		conn_end(w->conn, END_TCP_CLOSED, END_BY_CLIENT, NULL);
	if (w->conn != NULL)
		go_on(w->conn, w);
	claiming_free(w);
}

static void
keep_auth(struct claiming *w, const struct auth_result *auth)
{
	w->has_auth = auth != NULL;
	if (auth == NULL)
		return;
	w->is_superuser = auth->is_superuser;
	str_add_slice(&w->method, auth->method);
	str_add_slice(&w->data, auth->data);
	str_add_slice(&w->identity, auth->identity);
}

void
claiming_start(
    struct conn *c, const struct mqtt_connect *p, const struct connect_how *how)
{
	struct claiming *w;

	if (!limit_hold(how->frame.n, LIMIT_STRANGER)) {
		metric_inc(METRIC_OVERLOAD_PROTECTION_NEW_CONN);
		connect_refuse(c, p, p->version, REASON_SERVER_BUSY,
		    "those who have not come in yet take too much memory");
		return;
	}
	w = MEM_NEW(struct claiming);
	w->magic = CLAIMING_MAGIC;
	w->conn = c;
	w->held = how->frame.n;
	str_add_slice(&w->client_id, p->client_id);
	str_add_slice(&w->connect, how->frame);
	keep_auth(w, how->auth);
	timer_cancel(&c->timer);
	conn_pause(c);
	c->ops = ops_while_claiming();
	c->owner = w;
	w->claim.clientid = str_slice(&w->client_id);
	w->claim.clean_start = p->clean_start;
	w->claim.done = on_done;
	claim_begin(&w->claim);
}
