/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter: see filter.h.  A recursive descent over the text makes a list of nodes
 * whose last is the root; it has bounds on depth and on nodes, and every value is
 * read once, by the type of its column.
 */
#include "emqxd/admin/filter.h"
#include "ipc/nearest.h"
#include "ipc/base/mem.h"
#include "ipc/base/num.h"
#include "ipc/base/str.h"
#include "ipc/base/vec.h"

#include <stdio.h>

#define DEPTH_MAX 32u
#define NODES_MAX 512u

enum node_kind {
	NODE_AND,
	NODE_OR,
	NODE_NOT,
	NODE_TRUE, /* a column of CT_BOOL alone */
	NODE_NULL,
	NODE_EQ,
	NODE_LT,
	NODE_LE,
	NODE_GT,
	NODE_GE,
	NODE_LIKE,
	NODE_IN,
};

struct value {
	char *text; /* owned */
	size_t n;
	int64_t i;
	double d;
};

struct node {
	enum node_kind kind;
	unsigned col;
	unsigned a, b;  /* AND, OR, NOT: nodes */
	unsigned at, n; /* comparisons: values */
};

struct filter {
	VEC(struct node) node;
	VEC(struct value) value;
	unsigned root;
};

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_TEXT, TOKEN_MARK };

struct token {
	enum token_kind kind;
	struct slice raw; /* as typed; of a text without its quotes */
	size_t at;
};

struct parser {
	const struct cmd *cmd;
	struct slice all;
	size_t at;
	struct token token; /* the next one */
	unsigned depth;
	wall_t now;
	struct filter *filter;
	struct fault *fault;
	em_err err;
};

/* ---- words */

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool
is_mark(uint8_t c)
{
	return c == '(' || c == ')' || c == ',' || c == '=' || c == '<' || c == '>' ||
	       c == '!';
}

static void
refuse(struct parser *p, size_t at, const char *what)
{
	struct str text = { 0 };

	if (p->err != EM_OK)
		return;
	str_add_escaped(&text, slice_head(slice_from(p->all, at), 40));
	p->err = fault_set(p->fault, EM_USAGE, "filter: %s at '%s'", what,
	    text.n > 0 ? str_get(&text) : "the end");
	fault_hint(p->fault, "such as \"clientid like 'sensor*' and connected\"");
	str_fini(&text);
}

static void
next_quoted(struct parser *p, uint8_t quote)
{
	size_t from = ++p->at;

	while (p->at < p->all.n && p->all.p[p->at] != quote)
		p->at += p->all.p[p->at] == '\\' ? 2 : 1;
	if (p->at >= p->all.n) {
		p->at = p->all.n;
		refuse(p, from - 1, "a quote is not closed");
		return;
	}
	p->token = (struct token){ TOKEN_TEXT, slice_of(p->all.p + from, p->at - from),
		from - 1 };
	p->at++;
}

static void
next_mark(struct parser *p)
{
	size_t from = p->at++;
	uint8_t c = p->all.p[from], second = p->at < p->all.n ? p->all.p[p->at] : 0;

	if ((second == '=' && strchr("=!<>", c) != NULL) || (c == '<' && second == '>'))
		p->at++;
	p->token =
	    (struct token){ TOKEN_MARK, slice_of(p->all.p + from, p->at - from), from };
}

static void
next(struct parser *p)
{
	size_t from;

	while (p->at < p->all.n && is_blank(p->all.p[p->at]))
		p->at++;
	from = p->at;
	p->token = (struct token){ TOKEN_END, SLICE_NONE, from };
	if (from == p->all.n || p->err != EM_OK)
		return;
	if (p->all.p[from] == '\'' || p->all.p[from] == '"') {
		next_quoted(p, p->all.p[from]);
		return;
	}
	if (is_mark(p->all.p[from])) {
		next_mark(p);
		return;
	}
	while (
	    p->at < p->all.n && !is_blank(p->all.p[p->at]) && !is_mark(p->all.p[p->at]))
		p->at++;
	p->token =
	    (struct token){ TOKEN_WORD, slice_of(p->all.p + from, p->at - from), from };
}

static bool
is_word(const struct token *t, const char *word)
{
	return t->kind == TOKEN_WORD && slice_eq_str(t->raw, word);
}

/* Takes the word when it is next. */
static bool
take(struct parser *p, const char *word)
{
	if (!is_word(&p->token, word))
		return false;
	next(p);
	return true;
}

static bool
take_mark(struct parser *p, const char *mark)
{
	if (p->token.kind != TOKEN_MARK || !slice_eq_str(p->token.raw, mark))
		return false;
	next(p);
	return true;
}

/* ---- values */

/* A copy without backslashes, in @v. */
static void
set_text(struct value *v, const struct token *t)
{
	v->text = mem_new(t->raw.n + 1);
	for (size_t i = 0; i < t->raw.n; i++) {
		if (t->kind == TOKEN_TEXT && t->raw.p[i] == '\\' && i + 1 < t->raw.n)
			i++;
		v->text[v->n++] = (char)t->raw.p[i];
	}
}

/* Days from 1970-01-01 to a day of the proleptic Gregorian calendar. */
static int64_t
days_since_epoch(int64_t y, int64_t m, int64_t d)
{
	int64_t era, of_era;

	y -= m <= 2;
	era = y / 400;
	of_era = (y - era * 400) * 365 + (y - era * 400) / 4 - (y - era * 400) / 100 +
		 (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + of_era - 719468;
}

/* "2026-11-22T10:56:13.5+01:00", "...Z"; a zone must be given. */
static bool
read_time(const char *text, int64_t *ns)
{
	int y, mo, d, h, mi, n = 0, zh = 0, zm = 0;
	double s;
	char sign = 'Z';

	if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%lf%n", &y, &mo, &d, &h, &mi, &s, &n) !=
		6 ||
	    y < 1970 || y > 2200 || mo < 1 || mo > 12 || d < 1 || d > 31 || h > 23 ||
	    mi > 59 || !(s >= 0 && s < 61))
		return false;
	if (strcmp(text + n, "Z") != 0 &&
	    (sscanf(text + n, "%c%2d:%2d", &sign, &zh, &zm) != 3 ||
		(sign != '+' && sign != '-') || zh > 14 || zm > 59 || zh < 0 || zm < 0))
		return false;
	*ns = (days_since_epoch(y, mo, d) * 86400 + h * 3600 + mi * 60) * 1000000000 +
	      (int64_t)(s * 1e9) -
	      (sign == '-' ? -1 : 1) * (zh * 60 + zm) * INT64_C(60000000000);
	return true;
}

static bool
read_span(struct slice text, int64_t *ns)
{
	span_t span;

	if (span_parse(text, span_s(1), &span) != EM_OK)
		return false;
	*ns = span.ns;
	return true;
}

static bool
read_bytes(struct slice text, int64_t *n)
{
	uint64_t bytes;

	if (num_parse_bytes(text, &bytes) != EM_OK)
		return false;
	*n = bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes;
	return true;
}

static bool
is_text_type(cmd_type t)
{
	return cmd_type_form(t) == CF_TEXT;
}

/* Reads v->text as the column's type; false: it is none. */
static bool
read_typed(cmd_type type, struct value *v)
{
	struct slice text = slice_of(v->text, v->n);

	if (type == CT_SPAN)
		return read_span(text, &v->i);
	if (type == CT_BYTES)
		return read_bytes(text, &v->i);
	if (type == CT_TIME)
		return read_time(v->text, &v->i);
	if (type == CT_BOOL) {
		v->i = slice_eq_str(text, "true");
		return v->i == 1 || slice_eq_str(text, "false");
	}
	if (type == CT_LIMIT && slice_eq_str(text, "infinity")) {
		v->i = ROW_INFINITE;
		v->d = (double)ROW_INFINITE;
		return true;
	}
	if (type == CT_INT || type == CT_LIMIT || type == CT_NUMBER) {
		if (num_parse_double(text, &v->d) != EM_OK)
			return false;
		if (num_parse_i64(text, &v->i) != EM_OK)
			v->i = (int64_t)v->d;
		return true;
	}
	return true;
}

static const char *
wanted(cmd_type type)
{
	if (type == CT_SPAN)
		return "not a time such as 15s or 1h30m";
	if (type == CT_BYTES)
		return "not a size such as 64KB";
	if (type == CT_TIME)
		return "not a point in time such as '10m ago' or 2026-01-31T00:00:00Z";
	if (type == CT_BOOL)
		return "neither true nor false";
	return "not a number";
}

/* The next value, for column @col. */
static void
parse_value(struct parser *p, unsigned col)
{
	cmd_type type = p->cmd->cols[col].type;
	struct token t = p->token;
	struct value v = { 0 };
	bool fits;

	if (t.kind != TOKEN_WORD && t.kind != TOKEN_TEXT) {
		refuse(p, t.at, "a value is missing");
		return;
	}
	next(p);
	set_text(&v, &t);
	if (type == CT_TIME && v.n > 4 && strcmp(v.text + v.n - 4, " ago") == 0) {
		fits = read_span(slice_of(v.text, v.n - 4), &v.i); /* '10m ago' */
		v.i = p->now.ns - v.i;
	} else if (type == CT_TIME && is_word(&p->token, "ago")) {
		next(p);
		fits = read_span(slice_of(v.text, v.n), &v.i);
		v.i = p->now.ns - v.i;
	} else {
		fits = read_typed(type, &v);
	}
	if (!fits)
		refuse(p, t.at, wanted(type));
	VEC_ADD(&p->filter->value, v);
}

/* ---- conditions */

static unsigned
add(struct parser *p, struct node node)
{
	if (p->filter->node.n == NODES_MAX) {
		refuse(p, p->token.at, "too long");
		return 0;
	}
	VEC_ADD(&p->filter->node, node);
	return (unsigned)p->filter->node.n - 1;
}

static unsigned
negate(struct parser *p, unsigned a)
{
	return add(p, (struct node){ .kind = NODE_NOT, .a = a });
}

static unsigned parse_or(struct parser *p);

static bool
parse_column(struct parser *p, unsigned *col)
{
	struct nearest near = nearest_of(p->token.raw);
	int at;

	if (p->token.kind != TOKEN_WORD) {
		refuse(p, p->token.at, "a column is missing");
		return false;
	}
	at = cmd_find_col(p->cmd, p->token.raw);
	if (at >= 0) {
		*col = (unsigned)at;
		next(p);
		return true;
	}
	refuse(p, p->token.at, "no such column");
	for (size_t i = 0; i < cmd_n_cols(p->cmd); i++)
		nearest_offer(&near, slice_str(p->cmd->cols[i].name));
	nearest_hint(&near, p->fault);
	return false;
}

static unsigned
parse_in(struct parser *p, unsigned col)
{
	struct node node = {
		.kind = NODE_IN, .col = col, .at = (unsigned)p->filter->value.n
	};

	if (!take_mark(p, "(")) {
		refuse(p, p->token.at, "'(' is missing");
		return 0;
	}
	do
		parse_value(p, col);
	while (p->err == EM_OK && take_mark(p, ","));
	if (p->err == EM_OK && !take_mark(p, ")"))
		refuse(p, p->token.at, "')' is missing");
	node.n = (unsigned)p->filter->value.n - node.at;
	return add(p, node);
}

static const struct {
	const char *mark;
	enum node_kind kind;
	bool negated;
} comparisons[] = { { "=", NODE_EQ, false }, { "==", NODE_EQ, false },
	{ "!=", NODE_EQ, true }, { "<>", NODE_EQ, true }, { "<", NODE_LT, false },
	{ "<=", NODE_LE, false }, { ">", NODE_GT, false }, { ">=", NODE_GE, false } };

static unsigned
parse_value_node(struct parser *p, enum node_kind kind, unsigned col)
{
	struct node node = {
		.kind = kind, .col = col, .at = (unsigned)p->filter->value.n, .n = 1
	};

	parse_value(p, col);
	return add(p, node);
}

/* What follows a column. */
static unsigned
parse_condition(struct parser *p, unsigned col)
{
	cmd_type type = p->cmd->cols[col].type;
	bool negated;
	unsigned node;

	for (size_t i = 0; i < sizeof comparisons / sizeof comparisons[0]; i++) {
		if (!take_mark(p, comparisons[i].mark))
			continue;
		node = parse_value_node(p, comparisons[i].kind, col);
		return comparisons[i].negated ? negate(p, node) : node;
	}
	if (take(p, "is")) {
		negated = take(p, "not");
		if (!take(p, "null"))
			refuse(p, p->token.at, "'null' is missing");
		node = add(p, (struct node){ .kind = NODE_NULL, .col = col });
		return negated ? negate(p, node) : node;
	}
	negated = take(p, "not");
	if (take(p, "like")) {
		if (!is_text_type(type))
			refuse(p, p->token.at, "'like' is for texts");
		node = parse_value_node(p, NODE_LIKE, col);
	} else if (take(p, "in")) {
		node = parse_in(p, col);
	} else if (!negated && type == CT_BOOL) {
		return add(p, (struct node){ .kind = NODE_TRUE, .col = col });
	} else {
		refuse(p, p->token.at, "a comparison is missing");
		return 0;
	}
	return negated ? negate(p, node) : node;
}

static unsigned
parse_one(struct parser *p)
{
	unsigned node, col;

	if (p->err != EM_OK)
		return 0;
	if (take_mark(p, "(")) {
		node = parse_or(p);
		if (p->err == EM_OK && !take_mark(p, ")"))
			refuse(p, p->token.at, "')' is missing");
		return node;
	}
	if (!parse_column(p, &col))
		return 0;
	if (p->cmd->cols[col].type == CT_COUNTS) {
		refuse(p, p->token.at, "this column cannot be compared");
		return 0;
	}
	return parse_condition(p, col);
}

static unsigned
parse_not(struct parser *p)
{
	bool negated = false;
	unsigned node;

	while (take(p, "not"))
		negated = !negated;
	node = parse_one(p);
	return negated ? negate(p, node) : node;
}

static unsigned
parse_and(struct parser *p)
{
	unsigned node = parse_not(p);

	while (p->err == EM_OK && take(p, "and"))
		node = add(
		    p, (struct node){ .kind = NODE_AND, .a = node, .b = parse_not(p) });
	return node;
}

static unsigned
parse_or(struct parser *p)
{
	unsigned node = 0;

	if (p->depth++ == DEPTH_MAX)
		refuse(p, p->token.at, "too many brackets");
	else
		node = parse_and(p);
	while (p->err == EM_OK && take(p, "or"))
		node = add(
		    p, (struct node){ .kind = NODE_OR, .a = node, .b = parse_and(p) });
	p->depth--;
	return node;
}

em_err
filter_new(const struct cmd *cmd, struct slice text, wall_t now, struct filter **out,
    struct fault *f)
{
	struct parser p = { .cmd = cmd,
		.all = text,
		.now = now,
		.filter = MEM_NEW(struct filter),
		.fault = f };

	*out = p.filter;
	next(&p);
	p.filter->root = parse_or(&p);
	if (p.err == EM_OK && p.token.kind != TOKEN_END)
		refuse(&p, p.token.at, "'and' or 'or' is missing");
	if (p.err != EM_OK)
		filter_free(out);
	return p.err;
}

void
filter_free(struct filter **fp)
{
	struct filter *filter = *fp;

	if (filter == NULL)
		return;
	for (size_t i = 0; i < filter->value.n; i++)
		mem_free(filter->value.p[i].text);
	VEC_FINI(&filter->value);
	VEC_FINI(&filter->node);
	MEM_FREE(*fp);
}

/* ---- evaluation */

static int
order_of(double a, double b)
{
	return a < b ? -1 : a > b;
}

static int
compare(const struct row_value *cell, const struct value *v)
{
	CHECK(v != NULL); /* the parser gives each comparison its value */
	if (is_text_type(cell->type))
		return slice_cmp(cell->text, slice_of(v->text, v->n));
	if (cell->type == CT_NUMBER || cell->type == CT_INT)
		return order_of(cell->type == CT_INT ? (double)cell->i : cell->d, v->d);
	return cell->i < v->i ? -1 : cell->i > v->i;
}

static bool
is_any_of(const struct filter *f, const struct node *n, const struct row_value *cell)
{
	for (unsigned i = 0; i < n->n; i++)
		if (compare(cell, &f->value.p[n->at + i]) == 0)
			return true;
	return false;
}

static bool
is_true(const struct filter *f, const struct node *n, const struct row_value *cell)
{
	const struct value *v = n->n > 0 ? &f->value.p[n->at] : NULL;
	bool is_there = cell->set || is_text_type(cell->type);

	switch (n->kind) {
	case NODE_NULL: return !cell->set;
	case NODE_TRUE: return cell->set && cell->i != 0;
	case NODE_EQ:
	case NODE_IN: return is_there && is_any_of(f, n, cell);
	case NODE_LT: return is_there && compare(cell, v) < 0;
	case NODE_LE: return is_there && compare(cell, v) <= 0;
	case NODE_GT: return is_there && compare(cell, v) > 0;
	case NODE_GE: return is_there && compare(cell, v) >= 0;
	case NODE_LIKE:
		CHECK(v != NULL);
		return str_glob(slice_of(v->text, v->n), cell->text);
	case NODE_AND:
	case NODE_OR:
	case NODE_NOT: break;
	}
	UNREACHABLE();
}

static bool
evaluate(const struct filter *f, unsigned at, const struct row *row)
{
	const struct node *n = &f->node.p[at];

	if (n->kind == NODE_AND)
		return evaluate(f, n->a, row) && evaluate(f, n->b, row);
	if (n->kind == NODE_OR)
		return evaluate(f, n->a, row) || evaluate(f, n->b, row);
	if (n->kind == NODE_NOT)
		return !evaluate(f, n->a, row);
	return is_true(f, n, &row->v[n->col]);
}

bool
filter_is_true(const struct filter *filter, const struct row *row)
{
	return evaluate(filter, filter->root, row);
}
