/* SPDX-License-Identifier: Apache-2.0 */
/*
 * params: one list in the order given; names are found by walking it (a call
 * has a handful).  read_word() is the only place that turns a word into a
 * value, params_check() the only one that looks at all of them together.
 */
#include "ipc/params.h"
#include "ipc/nearest.h"
#include "ipc/pack.h"
#include "ipc/base/num.h"
#include "ipc/base/str.h"

#include <unistd.h>

static void
param_fini(struct param *v)
{
	MEM_FREE(v->own);
	if (v->fd >= 0)
		close(v->fd);
}

void
params_fini(struct params *p)
{
	for (size_t i = 0; i < p->v.n; i++)
		param_fini(&p->v.p[i]);
	VEC_FINI(&p->v);
	p->cmd = NULL;
}

/* "name: 'word' <what>", the word escaped. */
static em_err
refuse(struct fault *f, const struct cmd_arg *arg, struct slice word, const char *what)
{
	struct str text = { 0 };

	str_add_escaped(&text, word);
	fault_set(f, EM_USAGE, "%s: '%s' %s", arg->name, str_get(&text), what);
	str_fini(&text);
	return EM_USAGE;
}

static em_err
read_int(const struct cmd_arg *arg, struct slice word, int64_t *out, struct fault *f)
{
	if (num_parse_i64(word, out) != EM_OK)
		return refuse(f, arg, word, "is not a whole number");
	if (arg->max > arg->min && (*out < arg->min || *out > arg->max)) {
		refuse(f, arg, word, "is out of range");
		fault_hint(
		    f, "from %lld to %lld", (long long)arg->min, (long long)arg->max);
		return EM_USAGE;
	}
	return EM_OK;
}

static em_err
read_limit(const struct cmd_arg *arg, struct slice word, int64_t *out, struct fault *f)
{
	*out = INT64_MAX;
	if (slice_eq(word, SLICE_LIT("infinity")))
		return EM_OK;
	if (num_parse_i64(word, out) != EM_OK || *out < 0)
		return refuse(f, arg, word, "is neither a number nor 'infinity'");
	return EM_OK;
}

static em_err
read_bytes(const struct cmd_arg *arg, struct slice word, int64_t *out, struct fault *f)
{
	uint64_t bytes;

	if (num_parse_bytes(word, &bytes) != EM_OK)
		return refuse(f, arg, word, "is not a size such as 512, 64KB or 10MB");
	*out = bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes;
	return EM_OK;
}

static em_err
read_span(const struct cmd_arg *arg, struct slice word, int64_t *out, struct fault *f)
{
	span_t span;

	if (span_parse(word, span_s(1), &span) != EM_OK)
		return refuse(f, arg, word, "is not a time such as 500ms, 30s or 1h30m");
	*out = span.ns;
	return EM_OK;
}

static em_err
read_bool(const struct cmd_arg *arg, struct slice word, int64_t *out, struct fault *f)
{
	*out = slice_eq(word, SLICE_LIT("true"));
	if (*out == 0 && !slice_eq(word, SLICE_LIT("false")))
		return refuse(f, arg, word, "is neither true nor false");
	return EM_OK;
}

static em_err
read_enum(const struct cmd_arg *arg, struct slice word, int64_t *out, struct fault *f)
{
	struct nearest near = nearest_of(word);
	struct str all = { 0 };

	for (int64_t i = 0; arg->values[i] != NULL; i++) {
		if (slice_eq_str(word, arg->values[i])) {
			*out = i;
			str_fini(&all);
			return EM_OK;
		}
		nearest_offer(&near, slice_str(arg->values[i]));
		str_addf(&all, "%s%s", i > 0 ? ", " : "", arg->values[i]);
	}
	refuse(f, arg, word, "is not known");
	fault_hint(f, "one of %s", str_get(&all));
	nearest_hint(&near, f);
	str_fini(&all);
	return EM_USAGE;
}

static em_err
read_listener(const struct cmd_arg *arg, struct slice word, struct fault *f)
{
	if (memchr(word.p, ':', word.n) != NULL)
		return EM_OK;
	refuse(f, arg, word, "is no listener: type:name is wanted");
	fault_hint(f, "list them: emqx_ctl listeners -o name");
	return EM_USAGE;
}

/* The value of a word for @arg, into @v. */
static em_err
read_word(struct param *v, const struct cmd_arg *arg, struct slice word, struct fault *f)
{
	bool may_be_empty = arg->type == CT_TEXT || arg->type == CT_SECRET ||
			    arg->type == CT_FLAG || (arg->flags & ARGF_MAYVALUE) != 0;

	if (word.n == 0 && !may_be_empty)
		return refuse(f, arg, word, "is empty");
	switch (cmd_type_form(arg->type)) {
	case CF_TEXT:
		if (arg->type == CT_ENUM)
			return read_enum(arg, word, &v->i, f);
		if (arg->type == CT_LISTENER)
			return read_listener(arg, word, f);
		return EM_OK;
	case CF_INT: return read_int(arg, word, &v->i, f);
	case CF_LIMIT: return read_limit(arg, word, &v->i, f);
	case CF_BYTES: return read_bytes(arg, word, &v->i, f);
	case CF_SPAN:
		if (word.n == 0)
			word = slice_str(arg->dflt);
		return read_span(arg, word, &v->i, f);
	case CF_NUMBER:
		if (num_parse_double(word, &v->d) != EM_OK)
			return refuse(f, arg, word, "is not a number");
		return EM_OK;
	case CF_BOOL:
		if (arg->type != CT_FLAG)
			return read_bool(arg, word, &v->i, f);
		v->i = 1;
		return EM_OK;
	case CF_TIME:
	case CF_COUNTS: break;
	}
	UNREACHABLE(); /* columns only */
}

static void
set_text(struct param *v, struct slice text)
{
	MEM_FREE(v->own);
	v->own = mem_dup(text.n > 0 ? (const char *)text.p : "", text.n);
	v->text = slice_of(v->own, text.n);
}

em_err
params_add_word(
    struct params *p, const struct cmd_arg *arg, struct slice word, struct fault *f)
{
	struct param v = { .arg = arg, .fd = -1 };
	em_err err = read_word(&v, arg, word, f);

	if (err != EM_OK)
		return err;
	set_text(&v, word);
	VEC_ADD(&p->v, v);
	return EM_OK;
}

void
params_drop(struct params *p, const char *name)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->v.n; i++) {
		if (strcmp(p->v.p[i].arg->name, name) == 0)
			param_fini(&p->v.p[i]);
		else
			p->v.p[kept++] = p->v.p[i];
	}
	p->v.n = kept;
}

/* The first value named @name, or the one @at behind it. */
static struct param *
find_at(const struct params *p, const char *name, size_t at)
{
	for (size_t i = 0; i < p->v.n; i++)
		if (strcmp(p->v.p[i].arg->name, name) == 0 && at-- == 0)
			return &p->v.p[i];
	CHECK(p->cmd == NULL || cmd_find_arg(p->cmd, slice_str(name)) != NULL ||
	      cmd_find_opt(p->cmd, slice_str(name)) != NULL);
	return NULL;
}

static struct param *
find(const struct params *p, const char *name)
{
	return find_at(p, name, 0);
}

static em_err
check_column(
    const struct cmd *cmd, const struct cmd_arg *arg, struct slice name, struct fault *f)
{
	struct nearest near = nearest_of(name);
	struct str all = { 0 };

	if (cmd_find_col(cmd, name) >= 0)
		return EM_OK;
	for (size_t i = 0; i < cmd_n_cols(cmd); i++) {
		nearest_offer(&near, slice_str(cmd->cols[i].name));
		str_addf(&all, "%s%s", i > 0 ? ", " : "", cmd->cols[i].name);
	}
	refuse(f, arg, name, "is no column");
	fault_hint(f, "one of %s", str_get(&all));
	nearest_hint(&near, f);
	str_fini(&all);
	return EM_USAGE;
}

/* "a,b,c" or, for CT_COLUMN, "a" or "-a". */
static em_err
check_columns(const struct cmd *cmd, const struct param *v, struct fault *f)
{
	struct slice rest = v->text;
	em_err err = EM_OK;

	if (v->arg->type == CT_COLUMN)
		return check_column(
		    cmd, v->arg, slice_from(rest, rest.p[0] == '-' ? 1 : 0), f);
	while (err == EM_OK && rest.n > 0) {
		const uint8_t *comma = memchr(rest.p, ',', rest.n);
		size_t n = comma != NULL ? (size_t)(comma - rest.p) : rest.n;

		err = check_column(cmd, v->arg, slice_head(rest, n), f);
		rest = slice_from(rest, n + 1);
	}
	return err;
}

em_err
params_check(struct params *p, const struct cmd *cmd, struct fault *f)
{
	p->cmd = cmd;
	for (const struct cmd_arg *a = cmd->args; a != NULL && a->name != NULL; a++) {
		if ((a->flags & ARGF_OPTIONAL) == 0 && find(p, a->name) == NULL) {
			struct str usage = { 0 };

			cmd_usage(cmd, &usage);
			fault_set(f, EM_USAGE, "<%s> is missing", a->name);
			fault_hint(f, "usage: emqx_ctl %s", str_get(&usage));
			str_fini(&usage);
			return EM_USAGE;
		}
	}
	for (size_t i = 0; i < p->v.n; i++) {
		const struct param *v = &p->v.p[i];

		if ((v->arg->flags & ARGF_REPEAT) == 0 && find(p, v->arg->name) != v)
			return fault_set(f, EM_USAGE, "%s is given twice", v->arg->name);
		if (v->arg->type == CT_COLUMN || v->arg->type == CT_COLUMNS) {
			em_err err = check_columns(cmd, v, f);

			if (err != EM_OK)
				return err;
		}
	}
	return EM_OK;
}

bool
params_is_write(const struct params *p)
{
	CHECK(p->cmd != NULL);
	if ((p->cmd->flags & CMDF_WRITE) != 0)
		return true;
	for (size_t i = 0; i < p->v.n; i++)
		if ((p->v.p[i].arg->flags & ARGF_WRITES) != 0)
			return true;
	return false;
}

static bool
names_several(const struct params *p)
{
	size_t n = cmd_n_args(p->cmd);

	if (cmd_find_opt(p->cmd, SLICE_LIT("filter")) != NULL && params_has(p, "filter"))
		return true;
	return n > 0 && params_count(p, p->cmd->args[n - 1].name) > 1;
}

enum params_danger
params_danger(const struct params *p, struct str *what)
{
	CHECK(p->cmd != NULL);
	switch (p->cmd->dangerous) {
	case DANGER_NONE: return PARAMS_SAFE;
	case DANGER_MANY:
		if (!names_several(p))
			return PARAMS_SAFE;
		if (what != NULL)
			str_add(what, "several at once");
		return PARAMS_YES;
	case DANGER_ASK:
		for (size_t i = 0; i < p->v.n; i++) {
			const struct cmd_arg *a = p->v.p[i].arg;

			if ((a->flags & ARGF_YES) == 0)
				continue;
			if (what != NULL)
				str_addf(what, "--%s", a->name);
			return PARAMS_YES;
		}
		return PARAMS_ASK;
	}
	UNREACHABLE();
}

bool
params_has(const struct params *p, const char *name)
{
	return find(p, name) != NULL;
}

struct slice
params_text(const struct params *p, const char *name)
{
	const struct param *v = find(p, name);

	return v != NULL ? v->text : SLICE_NONE;
}

int64_t
params_int(const struct params *p, const char *name, int64_t missing)
{
	const struct param *v = find(p, name);

	return v != NULL ? v->i : missing;
}

double
params_number(const struct params *p, const char *name, double missing)
{
	const struct param *v = find(p, name);

	return v != NULL ? v->d : missing;
}

bool
params_bool(const struct params *p, const char *name)
{
	const struct param *v = find(p, name);

	return v != NULL && v->i != 0;
}

span_t
params_span(const struct params *p, const char *name, span_t missing)
{
	const struct param *v = find(p, name);

	return v != NULL ? span_ns(v->i) : missing;
}

size_t
params_count(const struct params *p, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < p->v.n; i++)
		n += strcmp(p->v.p[i].arg->name, name) == 0;
	return n;
}

struct slice
params_text_at(const struct params *p, const char *name, size_t at)
{
	const struct param *v = find_at(p, name, at);

	return v != NULL ? v->text : SLICE_NONE;
}

int
params_take_fd(struct params *p, const char *name)
{
	struct param *v = find(p, name);
	int fd = v != NULL ? v->fd : -1;

	if (v != NULL)
		v->fd = -1;
	return fd;
}

void
params_give_fd(struct params *p, const char *name, int fd, struct slice path)
{
	struct param *v = find(p, name);

	CHECK(v != NULL && v->fd < 0);
	v->fd = fd;
	set_text(v, path);
}

void
params_describe(const struct params *p, struct str *out)
{
	for (size_t i = 0; i < p->v.n; i++) {
		const struct param *v = &p->v.p[i];

		str_addf(out, "%s%s=", i > 0 ? " " : "", v->arg->name);
		if (v->arg->type == CT_SECRET)
			str_add(out, "******");
		else if (v->arg->type == CT_FLAG)
			str_add(out, "true");
		else
			str_add_escaped(out, v->text);
	}
}

void
params_pack(const struct params *p, struct wbuf *w)
{
	size_t n_names = 0;

	for (size_t i = 0; i < p->v.n; i++)
		n_names += find(p, p->v.p[i].arg->name) == &p->v.p[i];
	pack_map(w, n_names);
	for (size_t i = 0; i < p->v.n; i++) {
		const struct cmd_arg *arg = p->v.p[i].arg;

		if (find(p, arg->name) != &p->v.p[i])
			continue;
		pack_text(w, slice_str(arg->name));
		if ((arg->flags & ARGF_REPEAT) == 0) {
			pack_text(w, p->v.p[i].text);
			continue;
		}
		pack_array(w, params_count(p, arg->name));
		for (size_t j = i; j < p->v.n; j++)
			if (p->v.p[j].arg == arg)
				pack_text(w, p->v.p[j].text);
	}
}

static em_err
unpack_value(
    struct params *p, const struct cmd_arg *arg, struct pack_reader *r, struct fault *f)
{
	size_t n = (arg->flags & ARGF_REPEAT) != 0 ? pack_read_array(r) : 1;

	for (size_t i = 0; i < n; i++) {
		struct slice word = pack_read_text(r);
		em_err err;

		if (r->r.err != EM_OK)
			return EM_MALFORMED;
		if (p->v.n == PARAMS_MAX)
			return fault_set(f, EM_USAGE, "%s: too many values", arg->name);
		err = params_add_word(p, arg, word, f);
		if (err != EM_OK)
			return err;
	}
	return r->r.err;
}

em_err
params_unpack(
    struct params *p, const struct cmd *cmd, struct pack_reader *r, struct fault *f)
{
	size_t n = pack_read_map(r);

	for (size_t i = 0; i < n; i++) {
		struct slice name = pack_read_text(r);
		const struct cmd_arg *arg = cmd_find_arg(cmd, name);
		em_err err;

		if (r->r.err != EM_OK)
			return EM_MALFORMED;
		if (arg == NULL)
			arg = cmd_find_opt(cmd, name);
		if (arg == NULL)
			return fault_set(
			    f, EM_USAGE, "the daemon does not know one of the options");
		err = unpack_value(p, arg, r, f);
		if (err != EM_OK)
			return err;
	}
	return r->r.err != EM_OK ? EM_MALFORMED : params_check(p, cmd, f);
}
