/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suggest: names that begin as the wrong one does are asked for, and the one
 * with the fewest differing characters is offered, before what the daemon said.
 */
#include "ctl/suggest.h"
#include "ctl/names.h"
#include "ipc/nearest.h"

enum { SUGGEST_TAIL = 2 }; /* characters at the end that may be wrong, at first */

/* The word that the fault is about: the first name that only the daemon can judge. */
static const struct param *
live_param(const struct params *params)
{
	for (size_t i = 0; i < params->v.n; i++)
		if (cmd_type_is_live(params->v.p[i].arg->type))
			return &params->v.p[i];
	return NULL;
}

/* The command that lists all names of a type, or NULL. */
static const char *
lister(cmd_type type)
{
	static const struct {
		cmd_type type;
		const char *command;
	} listers[] = {
		{ CT_CLIENTID, "emqx_ctl clients list" },
		{ CT_FILTER, "emqx_ctl topics list" },
		{ CT_LISTENER, "emqx_ctl listeners" },
		{ CT_TRACED, "emqx_ctl trace list" },
		{ CT_CONF, "emqx_ctl conf show" },
		{ CT_LOGROOM, "emqx_ctl log room-level" },
		{ CT_HANDLER, "emqx_ctl log handlers list" },
	};

	for (size_t i = 0; i < sizeof listers / sizeof listers[0]; i++)
		if (listers[i].type == type)
			return listers[i].command;
	return NULL;
}

/* The letters that a name begins with: "sensor" of "sensor-71". */
static struct slice
stem(struct slice name)
{
	size_t n = 0;

	while (n < name.n && ((name.p[n] | 32) >= 'a' && (name.p[n] | 32) <= 'z'))
		n++;
	return slice_head(name, n);
}

static void
add_lister(struct str *hint, const struct param *p)
{
	const char *command = lister(p->arg->type);
	struct slice common = stem(p->text);

	if (command == NULL)
		return;
	str_addf(hint, "%slist them: %s", hint->n > 0 ? "   " : "", command);
	if (p->arg->type == CT_CLIENTID && common.n >= 2 && common.n < p->text.n)
		str_addf(hint, " --filter \"clientid like '%.*s*'\"", SLICE_FMT(common));
}

/* Names that share the first @same characters are offered. */
static void
offer(struct reach *r, const struct param *p, size_t same, struct names *names,
    struct nearest *near)
{
	names_ask(r, p->arg->type, slice_head(p->text, same), NULL, 0, names);
	for (size_t i = 0; i < names->v.n; i++)
		nearest_offer(near, slice_str(names->v.p[i]));
}

void
suggest_name(struct reach *r, const struct params *params, struct fault *f)
{
	const struct param *p = live_param(params);
	struct names close = { 0 }, far = { 0 };
	struct str hint = { 0 };
	struct nearest near;

	CHECK(f->err == EM_NOTFOUND);
	if (p == NULL || (f->hint != NULL && strstr(f->hint, "did you mean") != NULL))
		return;
	near = nearest_of(p->text);
	if (p->text.n > SUGGEST_TAIL)
		offer(r, p, p->text.n - SUGGEST_TAIL, &close, &near);
	if (near.best.n == 0)
		offer(r, p, 1, &far, &near);
	/* Itself: another part of the daemon knows it, or did a moment ago. */
	if (near.best.n > 0 && !slice_eq(near.best, p->text))
		str_addf(&hint, "did you mean '%.*s'?", SLICE_FMT(near.best));
	if (f->hint != NULL)
		str_addf(&hint, "%s%s", hint.n > 0 ? "   " : "", f->hint);
	else
		add_lister(&hint, p);
	if (hint.n > 0)
		fault_hint(f, "%s", str_get(&hint));
	names_fini(&close);
	names_fini(&far);
	str_fini(&hint);
}
