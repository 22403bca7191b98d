/* SPDX-License-Identifier: Apache-2.0 */
/* status: is the node there, and does it serve. */
#include "emqxd/net/listener.h"
#include "emqxd/session/registry.h"
#include "emqxd/admin/admin.h"
#include "emqxd/admin/op.h"

#include <unistd.h>

static const struct {
	const char *name, *init; /* ours, and what EMQX says of its virtual machine */
} states[] = {
	[ADMIN_BOOTING] = { "booting", "starting" },
	[ADMIN_READY] = { "ready", "started" },
	[ADMIN_DRAINING] = { "draining", "stopping" },
};

static unsigned
count_running(void)
{
	struct listener_info info;
	unsigned n = 0;

	for (unsigned i = 0; listener_at(i) != NULL; i++) {
		listener_info(listener_at(i), &info);
		n += info.is_running;
	}
	return n;
}

static em_err
status_call(struct op_ctx *op)
{
	const char *detail;
	enum admin_state state = admin_get_state(&detail);
	struct row_writer *row = op_row(op);

	row_str(row, "node", admin_house()->node);
	row_str(row, "version", EMQXD_VERSION);
	row_str(row, "state", states[state].name);
	row_str(row, "detail", detail);
	row_span(row, "uptime", admin_uptime());
	row_int(row, "listeners", count_running());
	row_int(row, "connections", (int64_t)registry_online_all());
	row_int(row, "pid", getpid());
	row_str(row, "init", states[state].init);
	op_row_end(op);
	return EM_OK;
}

const struct op op_STATUS = { .where = OP_ADMIN, .call = status_call };
