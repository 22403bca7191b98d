/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reach: one call at a time over one link.  Nothing is asked when a link is
 * opened: the hello travels with the first request, so a call is one round trip.
 *
 * Whether the daemon went away is seen by its end of the socket being closed,
 * before a request is lost in it.  Bytes that wait to be read say nothing: its
 * hello may have come, or the rest of a call that was given up.
 */
#include "ctl/reach.h"
#include "ctl/interrupt.h"
#include "ipc/base/mem.h"

#include <poll.h>

bool
reach_is_there(struct reach *r)
{
	struct pollfd p;

	if (r->call == NULL)
		return false;
	p = (struct pollfd){ .fd = call_fd(r->call), .events = POLLRDHUP };
	if (poll(&p, 1, 0) <= 0)
		return true;
	reach_close(r);
	r->lost = true;
	return false;
}

em_err
reach_open(struct reach *r, const struct prefs *prefs, struct fault *f)
{
	struct call_opts opts = {
		.path = r->socket,
		.version = EMQXD_VERSION,
		.timeout = prefs->timeout,
		.stop = interrupt_flag(),
	};
	em_err err;

	/* A link waits as long as the line that opened it said. */
	if (r->timeout.ns != prefs->timeout.ns)
		reach_close(r);
	if (reach_is_there(r))
		return EM_OK;
	r->timeout = prefs->timeout;
	err = call_open(&opts, &r->call, f);
	if (err == EM_OK)
		r->lost = false;
	return err;
}

void
reach_close(struct reach *r)
{
	if (r->call != NULL)
		call_close(&r->call);
}

void
reach_fini(struct reach *r)
{
	reach_close(r);
	MEM_FREE(r->node);
}

static void
keep_node(struct reach *r)
{
	const struct wire_hello *h = call_hello(r->call);

	if (h == NULL || h->node.n == 0)
		return;
	if (r->node != NULL && slice_eq_str(h->node, r->node))
		return;
	mem_free(r->node);
	r->node = mem_dup(h->node.p, h->node.n);
}

em_err
reach_start(struct reach *r, const struct cmd *cmd, struct params *params, unsigned flags,
    struct fault *f)
{
	struct wire_req req = {
		.cmd = cmd,
		.params = *params,
		.flags = flags,
		.credit = WIRE_CREDIT,
	};
	em_err err;

	CHECK(r->call != NULL);
	*params = (struct params){ 0 };
	err = call_start(r->call, &req, f);
	wire_req_fini(&req);
	if (err != EM_OK)
		reach_close(r);
	return err;
}

em_err
reach_next(struct reach *r, struct call_answer *out, struct fault *f)
{
	em_err err;

	CHECK(r->call != NULL);
	err = call_next(r->call, out, f);
	keep_node(r);
	if (err != EM_OK && !call_is_usable(r->call))
		reach_close(r);
	return err;
}
