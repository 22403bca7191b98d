/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit: see audit.h.  The log holds back what one event says too often; only main's
 * lines are exempt.  None of these may be lost, so they are written there.
 */
#include "emqxd/admin/audit.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "ipc/base/str.h"
#include "emqxd/core/log.h"
#include "emqxd/core/worker.h"

struct audit {
	struct letter letter;
	uid_t uid;
	pid_t pid;
	em_err result;
	span_t took;
	struct str command;
};

static void
on_main(struct letter *l)
{
	struct audit *a = LIST_OWNER(l, struct audit, letter);

	LOG(INFO, "audit", "uid", (unsigned)a->uid, "pid", (int)a->pid, "command",
	    str_get(&a->command), "result", err_name(a->result), "duration_us",
	    a->took.ns / 1000);
	str_fini(&a->command);
	mem_free(a);
}

void
audit_write(uid_t uid, pid_t pid, const struct params *params, em_err result, span_t took)
{
	struct audit *a = MEM_NEW(struct audit);

	*a = (struct audit){ .letter = { .open = on_main },
		.uid = uid,
		.pid = pid,
		.result = result,
		.took = took };
	str_addf(&a->command, "%s%s", params->cmd->path, params->v.n > 0 ? " " : "");
	params_describe(params, &a->command);
	worker_post(worker_main(), &a->letter);
}
