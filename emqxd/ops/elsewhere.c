/* SPDX-License-Identifier: Apache-2.0 */
/* elsewhere: see elsewhere.h. */
#include "emqxd/ops/elsewhere.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "emqxd/admin/remote.h"
#include "emqxd/core/timer.h"
#include "emqxd/model/nodes.h"

struct far {
	struct elsewhere *all;
	char *name;
	struct remote_call *call; /* NULL: it has answered */
	bool has_it;
};

struct elsewhere {
	elsewhere_fn *fn;
	void *arg;
	struct far far[NODES_MAX];
	unsigned n, left; /* left: asked, and one while they are */
	struct timer limit;
};

static void
finish(struct elsewhere *all)
{
	const char *node = NULL;

	timer_cancel(&all->limit);
	for (unsigned i = 0; i < all->n; i++) {
		if (all->far[i].has_it)
			node = all->far[i].name;
		if (all->far[i].call != NULL)
			remote_cancel(&all->far[i].call);
	}
	all->fn(all->arg, node);
	for (unsigned i = 0; i < all->n; i++)
		mem_free(all->far[i].name);
	mem_free(all);
}

static void
one_less(struct elsewhere *all)
{
	if (--all->left == 0)
		finish(all);
}

static void
on_limit(struct timer *t)
{
	finish(LIST_OWNER(t, struct elsewhere, limit));
}

static void
on_row(void *arg, struct slice bytes)
{
	struct far *far = arg;

	(void)bytes;
	far->has_it = true;
}

static void
on_end(void *arg, const struct wire_end *end, const struct fault *f)
{
	struct far *far = arg;

	(void)end;
	(void)f;
	far->call = NULL;
	one_less(far->all);
}

static const struct remote_sink sink = { .on_row = on_row, .on_end = on_end };

static void
ask(struct elsewhere *all, const char *name, const struct wire_req *req, uid_t uid)
{
	const struct gather_asker who = { .uid = uid };
	struct far *far = &all->far[all->n++];
	struct fault f = { .err = EM_OK };

	*far = (struct far){ .all = all, .name = mem_strdup(name) };
	all->left++;
	far->call = remote_ask(name, req, &who, &sink, far, &f);
	if (far->call == NULL)
		all->left--;
	fault_clear(&f);
}

void
elsewhere_find(
    struct slice clientid, uid_t uid, span_t limit, elsewhere_fn *fn, void *arg)
{
	const struct cmd *cmd = cmd_get(CMD_CLIENTS_SHOW);
	struct wire_req req = { .cmd = cmd, .params = { .cmd = cmd }, .credit = 1 };
	struct elsewhere *all = MEM_NEW(struct elsewhere);
	struct fault f = { .err = EM_OK };
	em_err err = params_add_word(&req.params, &cmd->args[0], clientid, &f);

	all->fn = fn;
	all->arg = arg;
	all->left = 1;
	timer_arm(&all->limit, limit, on_limit);
	for (unsigned i = 1; i < nodes_end() && err == EM_OK; i++)
		if (nodes_is_member(i) && nodes_is_running(i))
			ask(all, nodes_name(i), &req, uid);
	fault_clear(&f);
	wire_req_fini(&req);
	one_less(all);
}
