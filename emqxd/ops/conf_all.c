/* SPDX-License-Identifier: Apache-2.0 */
/* conf_all: see conf_all.h. */
#include "emqxd/ops/conf_all.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "emqxd/admin/op.h"
#include "emqxd/admin/remote.h"
#include "emqxd/core/timer.h"
#include "emqxd/model/nodes.h"

#include <inttypes.h>

#define AGAIN_FIRST 10 /* ms, then twice as long each time */
#define AGAIN_LAST 160

/* Another node that runs. */
struct far {
	struct conf_all *all;
	char *name;
	struct remote_call *call; /* or NULL */
	struct timer again;       /* armed: it is asked again then */
	unsigned pace;
	bool is_over;
};

struct conf_all {
	conf_all_fn *fn;
	void *arg;
	uid_t uid;
	uint64_t index;
	struct conf_all_end end;
	struct far *far;
	unsigned n, left; /* left: not over, and one while they are asked */
	struct timer limit;
};

static void
add(struct str *list, const char *name)
{
	str_addf(list, "%s%s", list->n > 0 ? ", " : "", name);
}

static bool
is_member(const struct far *far)
{
	unsigned place = nodes_find(slice_str(far->name));

	return place != NODES_MAX && nodes_is_member(place);
}

static void
one_less(struct conf_all *all)
{
	if (--all->left > 0)
		return;
	timer_cancel(&all->limit);
	all->fn(all->arg, &all->end);
	str_fini(&all->end.late);
	str_fini(&all->end.down);
	str_fini(&all->end.refused);
	str_fini(&all->end.why);
	for (unsigned i = 0; i < all->n; i++)
		mem_free(all->far[i].name);
	mem_free(all->far);
	mem_free(all);
}

/* @where: the list that it belongs to, or NULL: it has it.  Who was removed meanwhile has
 * nothing to take. */
static void
settle(struct far *far, struct str *where)
{
	if (where != NULL && is_member(far))
		add(where, far->name);
	far->is_over = true;
	one_less(far->all);
}

static void
on_limit(struct timer *t)
{
	struct conf_all *all = LIST_OWNER(t, struct conf_all, limit);
	unsigned late = 0;

	for (unsigned i = 0; i < all->n; i++) {
		struct far *far = &all->far[i];

		if (far->is_over)
			continue;
		timer_cancel(&far->again);
		if (far->call != NULL)
			remote_cancel(&far->call);
		if (is_member(far))
			add(&all->end.late, far->name);
		far->is_over = true;
		late++;
	}
	for (; late > 0; late--) /* the last one ends it */
		one_less(all);
}

static void ask(struct far *far);

static void
on_again(struct timer *t)
{
	ask(LIST_OWNER(t, struct far, again));
}

static void
ask_again(struct far *far)
{
	timer_arm(&far->again, span_ms(far->pace), on_again);
	if (far->pace < AGAIN_LAST)
		far->pace *= 2;
}

static void
refuse(struct far *far, const char *text)
{
	struct conf_all_end *end = &far->all->end;

	if (end->refused.n == 0) {
		str_reset(&end->why);
		str_add(&end->why, text);
	}
	settle(far, &end->refused);
}

/* It does not run any more, or has not said whether it has it. */
static void
lose(struct far *far)
{
	struct conf_all_end *end = &far->all->end;
	unsigned place = nodes_find(slice_str(far->name));

	settle(far,
	    place == NODES_MAX || !nodes_is_running(place) ? &end->down : &end->late);
}

static void
on_row(void *arg, struct slice bytes)
{
	(void)arg;
	(void)bytes;
}

static void
on_end(void *arg, const struct wire_end *end, const struct fault *f)
{
	struct far *far = arg;

	(void)end;
	far->call = NULL;
	if (f == NULL)
		settle(far, NULL);
	else if (f->err == EM_BUSY)
		ask_again(far);
	else if (f->err == EM_REFUSED)
		refuse(far, f->text);
	else
		lose(far);
}

static const struct remote_sink sink = { .on_row = on_row, .on_end = on_end };

static void
ask(struct far *far)
{
	const struct cmd *cmd = cmd_get(CMD_CONF_REPORT);
	const struct gather_asker who = { .uid = far->all->uid };
	struct wire_req req = { .cmd = cmd, .params = { .cmd = cmd }, .credit = 1 };
	struct fault f = { .err = EM_OK };
	struct str text = { 0 };

	str_addf(&text, "%" PRIu64, far->all->index);
	if (params_add_word(&req.params, &cmd->args[0], str_slice(&text), &f) != EM_OK)
		UNREACHABLE(); /* it is a number */
	far->call = remote_ask(far->name, &req, &who, &sink, far, &f);
	if (far->call == NULL)
		lose(far);
	fault_clear(&f);
	str_fini(&text);
	wire_req_fini(&req);
}

void
conf_all_wait(uint64_t index, uid_t uid, span_t limit, conf_all_fn *fn, void *arg)
{
	struct conf_all *all = MEM_NEW(struct conf_all);

	all->fn = fn;
	all->arg = arg;
	all->uid = uid;
	all->index = index;
	all->far = mem_new_array(nodes_end(), sizeof *all->far);
	all->left = 1;
	timer_arm(&all->limit, limit, on_limit);
	for (unsigned i = 1; i < nodes_end(); i++) {
		const char *name = nodes_name(i);

		if (!nodes_is_member(i))
			continue;
		if (!nodes_is_running(i)) {
			add(&all->end.down, name);
			continue;
		}
		all->far[all->n] = (struct far){
			.all = all, .name = mem_strdup(name), .pace = AGAIN_FIRST
		};
		all->left++;
		ask(&all->far[all->n++]);
	}
	one_less(all);
}
