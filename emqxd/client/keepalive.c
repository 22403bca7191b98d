/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keepalive: a client that says nothing for 1.5 times its keepalive is gone
 * [MQTT5-3.1.2-22].  A packet costs one store; the timer looks how long ago it was
 * and waits for the rest.  While we do not read, the clock stands.
 */
#include "emqxd/client/channel.h"
#include "emqxd/core/clock.h"
#include "ipc/base/list.h"

uint32_t
keepalive_now_ms(void)
{
	return (uint32_t)(clock_mono().ns / 1000000);
}

static uint32_t
limit_ms(const struct channel *ch)
{
	return (uint32_t)ch->session->keepalive * channel_zone(ch)->keepalive_multiplier;
}

static void
on_time(struct timer *t)
{
	struct conn *c = LIST_OWNER(t, struct conn, timer);
	struct channel *ch = c->owner;
	uint32_t silent = keepalive_now_ms() - ch->last_rx_ms;
	uint32_t limit = limit_ms(ch);

	CHECK_OBJ(ch, CHANNEL_MAGIC);
	if (conn_is_paused(c)) {
		ch->last_rx_ms = keepalive_now_ms();
		silent = 0;
	}
	if (silent >= limit)
		conn_end(c, END_KEEPALIVE_TIMEOUT, END_BY_SERVER, NULL);
	else
		timer_arm(t, span_ms(limit - silent), on_time);
}

void
keepalive_start(struct channel *ch)
{
	if (ch->session->keepalive > 0)
		timer_arm(&ch->conn->timer, span_ms(limit_ms(ch)), on_time);
	else
		timer_cancel(&ch->conn->timer);
}
