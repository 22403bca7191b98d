/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_text: what a row looks like from outside: names and forms of types, the usage
 * line, and the number that two builds compare.
 */
#include "ipc/cmd.h"
#include "ipc/base/hash.h"
#include "ipc/base/str.h"

static const struct {
	const char *name;
	cmd_form form;
} types[CMD_TYPE_N] = {
	[CT_TEXT] = { "text", CF_TEXT },
	[CT_INT] = { "int", CF_INT },
	[CT_LIMIT] = { "limit", CF_LIMIT },
	[CT_NUMBER] = { "number", CF_NUMBER },
	[CT_BOOL] = { "bool", CF_BOOL },
	[CT_FLAG] = { "flag", CF_BOOL },
	[CT_SPAN] = { "span", CF_SPAN },
	[CT_TIME] = { "time", CF_TIME },
	[CT_BYTES] = { "bytes", CF_BYTES },
	[CT_ENUM] = { "enum", CF_TEXT },
	[CT_CLIENTID] = { "clientid", CF_TEXT },
	[CT_USERNAME] = { "username", CF_TEXT },
	[CT_TOPIC] = { "topic", CF_TEXT },
	[CT_FILTER] = { "filter", CF_TEXT },
	[CT_LISTENER] = { "listener", CF_TEXT },
	[CT_NODE] = { "node", CF_TEXT },
	[CT_MEMBER] = { "member", CF_TEXT },
	[CT_TRACED] = { "traced", CF_TEXT },
	[CT_CONF] = { "conf", CF_TEXT },
	[CT_LOGROOM] = { "logroom", CF_TEXT },
	[CT_HANDLER] = { "handler", CF_TEXT },
	[CT_COLUMN] = { "column", CF_TEXT },
	[CT_COLUMNS] = { "columns", CF_TEXT },
	[CT_EXPR] = { "expr", CF_TEXT },
	[CT_COMMAND] = { "command", CF_TEXT },
	[CT_ADDR] = { "addr", CF_TEXT },
	[CT_INFILE] = { "infile", CF_TEXT },
	[CT_OUTFILE] = { "outfile", CF_TEXT },
	[CT_SECRET] = { "secret", CF_TEXT },
	[CT_COUNTS] = { "counts", CF_COUNTS },
};

const char *
cmd_type_name(cmd_type t)
{
	CHECK((unsigned)t < CMD_TYPE_N);
	return types[t].name;
}

cmd_form
cmd_type_form(cmd_type t)
{
	CHECK((unsigned)t < CMD_TYPE_N);
	return types[t].form;
}

em_err
cmd_type_find(struct slice name, cmd_type *out)
{
	for (unsigned t = 0; t < CMD_TYPE_N; t++) {
		if (slice_eq_str(name, types[t].name)) {
			*out = (cmd_type)t;
			return EM_OK;
		}
	}
	return EM_NOTFOUND;
}

bool
cmd_type_is_live(cmd_type t)
{
	return t >= CT_CLIENTID && t <= CT_HANDLER;
}

const char *
cmd_scope_text(enum cmd_scope scope)
{
	switch (scope) {
	case SCOPE_NONE: return NULL;
	case SCOPE_NODE_RESTART: return "this node, until its restart";
	case SCOPE_NODE_KEPT: return "this node, kept over its restart";
	case SCOPE_CLUSTER: return "the whole cluster";
	}
	UNREACHABLE();
}

/* Few values stand for themselves, many behind their name. */
static void
add_value(const struct cmd_arg *arg, struct str *out)
{
	size_t n = 0;

	while (arg->values != NULL && arg->values[n] != NULL)
		n++;
	if (n == 0 || n > 4) {
		str_addf(out, "<%s>", arg->name);
		return;
	}
	for (size_t i = 0; i < n; i++)
		str_addf(out, "%s%s", i > 0 ? "|" : "", arg->values[i]);
}

void
cmd_usage(const struct cmd *cmd, struct str *out)
{
	str_add(out, cmd->path);
	for (const struct cmd_arg *a = cmd->args; a != NULL && a->name != NULL; a++) {
		bool optional = (a->flags & ARGF_OPTIONAL) != 0;

		str_add(out, optional ? " [" : " ");
		add_value(a, out);
		if ((a->flags & ARGF_REPEAT) != 0)
			str_add(out, "...");
		if (optional)
			str_add_char(out, ']');
	}
	for (const struct cmd_arg *o = cmd->opts; o != NULL && o->name != NULL; o++) {
		str_addf(out, " [--%s", o->name);
		if (o->type != CT_FLAG) {
			bool may = (o->flags & ARGF_MAYVALUE) != 0;

			str_add(out, may ? "[=" : " ");
			add_value(o, out);
			if (may)
				str_add_char(out, ']');
		}
		str_add_char(out, ']');
	}
}

/* The same on every machine, unlike hash_bytes: it travels. */
static uint64_t
hash_text(const struct str *s)
{
	return hash_sip24(str_slice(s), 0x656d71785f63746cULL, 1);
}

static void
describe_args(const struct cmd_arg *a, struct str *s)
{
	for (; a != NULL && a->name != NULL; a++) {
		str_addf(s, "%s:%s:%x:%lld:%lld", a->name, types[a->type].name, a->flags,
		    (long long)a->min, (long long)a->max);
		for (size_t i = 0; a->values != NULL && a->values[i] != NULL; i++)
			str_addf(s, "|%s", a->values[i]);
		str_add_char(s, '\n');
	}
}

uint64_t
cmd_hash(const struct cmd *cmd)
{
	struct str s = { 0 };
	uint64_t h;

	str_addf(&s, "%s\nargs\n", cmd->path);
	describe_args(cmd->args, &s);
	str_add(&s, "opts\n");
	describe_args(cmd->opts, &s);
	str_add(&s, "cols\n");
	for (const struct cmd_col *c = cmd->cols; c != NULL && c->name != NULL; c++)
		str_addf(&s, "%s:%s\n", c->name, types[c->type].name);
	h = hash_text(&s);
	str_fini(&s);
	return h;
}

uint64_t
cmd_table_hash(void)
{
	struct str s = { 0 };
	uint64_t h;

	for (unsigned i = 0; i < CMD_N; i++) {
		const struct cmd *cmd = cmd_get((cmd_id)i);

		if (!cmd->local)
			str_addf(&s, "%llx\n", (unsigned long long)cmd_hash(cmd));
	}
	h = hash_text(&s);
	str_fini(&s);
	return h;
}
