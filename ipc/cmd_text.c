/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_text: what a row looks like from outside: names of types, the usage
 * line, and the number that two builds compare.
 */
#include "ipc/cmd.h"
#include "ipc/base/hash.h"
#include "ipc/base/str.h"

static const char *const type_name[CMD_TYPE_N] = {
	[CT_TEXT] = "text",
	[CT_INT] = "int",
	[CT_LIMIT] = "limit",
	[CT_NUMBER] = "number",
	[CT_BOOL] = "bool",
	[CT_FLAG] = "flag",
	[CT_SPAN] = "span",
	[CT_TIME] = "time",
	[CT_BYTES] = "bytes",
	[CT_ENUM] = "enum",
	[CT_CLIENTID] = "clientid",
	[CT_USERNAME] = "username",
	[CT_TOPIC] = "topic",
	[CT_FILTER] = "filter",
	[CT_LISTENER] = "listener",
	[CT_NODE] = "node",
	[CT_TRACED] = "traced",
	[CT_CONF] = "conf",
	[CT_LOGROOM] = "logroom",
	[CT_HANDLER] = "handler",
	[CT_COLUMN] = "column",
	[CT_COLUMNS] = "columns",
	[CT_EXPR] = "expr",
	[CT_COMMAND] = "command",
	[CT_ADDR] = "addr",
	[CT_INFILE] = "infile",
	[CT_OUTFILE] = "outfile",
	[CT_SECRET] = "secret",
	[CT_COUNTS] = "counts",
};

const char *
cmd_type_name(cmd_type t)
{
	CHECK((unsigned)t < CMD_TYPE_N);
	return type_name[t];
}

em_err
cmd_type_find(struct slice name, cmd_type *out)
{
	for (unsigned t = 0; t < CMD_TYPE_N; t++) {
		if (slice_eq_str(name, type_name[t])) {
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
		str_addf(s, "%s:%s:%x:%lld:%lld", a->name, type_name[a->type], a->flags,
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
		str_addf(&s, "%s:%s\n", c->name, type_name[c->type]);
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
