/* SPDX-License-Identifier: Apache-2.0 */
/*
 * persist: see persist.h.  Rows are kept sorted by path, so that two nodes with the same
 * rows have the same file.
 */
#include "emqxd/conf/persist.h"
#include "ipc/base/mem.h"
#include "ipc/base/vec.h"
#include "emqxd/conf/hocon_parse.h"
#include "emqxd/conf/keys.h"
#include "emqxd/conf/load.h"
#include "emqxd/core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define OURS "# emqxd: set in the whole cluster"
#define HEAD                                                                  \
	OURS " by emqx_ctl conf set and conf unset, which write this file.\n" \
	     "# It goes over emqx.conf; EMQX_ variables go over it.\n"

struct persist_row {
	char *path, *value;
};

struct persist {
	char *dir;
	const struct conf_section *const *section;
	size_t sections;
	struct keys keys;
	VEC(struct persist_row) row;
};

struct persist *
persist_new(const char *dir, const struct conf_section *const *section, size_t n)
{
	struct persist *p = MEM_NEW(struct persist);

	p->dir = mem_strdup(dir);
	p->section = section;
	p->sections = n;
	keys_init(&p->keys, section, n);
	return p;
}

static void
free_row(struct persist_row *row)
{
	mem_free(row->path);
	mem_free(row->value);
}

void
persist_free(struct persist **pp)
{
	struct persist *p = *pp;

	if (p == NULL)
		return;
	*pp = NULL;
	for (size_t i = 0; i < p->row.n; i++)
		free_row(&p->row.p[i]);
	VEC_FINI(&p->row);
	keys_fini(&p->keys);
	mem_free(p->dir);
	mem_free(p);
}

/* ---- which keys */

/* Roots of which each node has its own. */
static const char *const own_roots[] = { "node", "cluster", "rpc", "ctl", "listeners",
	NULL };

static bool
is_own(struct slice path, struct slice *root)
{
	struct slice rest = path;

	if (!tree_path_next(&rest, root))
		return false;
	for (size_t i = 0; own_roots[i] != NULL; i++)
		if (slice_eq_str(*root, own_roots[i]))
			return true;
	return false;
}

/* The list that the path is ("rewrite") or that it is in ("rewrite.1.action"). */
static bool
find_list(const struct persist *p, struct slice path, struct slice *list)
{
	for (size_t i = 0; i < p->sections; i++) {
		const struct conf_section *s = p->section[i];

		if (!s->is_list)
			continue;
		*list =
		    slice_head(slice_str(s->path), strlen(s->path) - strlen(".$name"));
		if (slice_starts(path, *list) &&
		    (path.n == list->n || path.p[list->n] == '.'))
			return true;
	}
	return false;
}

static em_err
read_only(struct fault *f, struct slice key, const char *why, const char *then)
{
	struct str shown = { 0 };

	str_add_escaped(&shown, key);
	fault_set(
	    f, EM_REFUSED, "cannot update read-only key '%s': %s", str_get(&shown), why);
	fault_hint(f, "change it in emqx.conf of each node, then: %s", then);
	str_fini(&shown);
	return EM_REFUSED;
}

static em_err
no_key(const struct persist *p, struct slice path, struct fault *f)
{
	struct str shown = { 0 }, near = { 0 };
	bool is_above = path.n > 0 && keys_is_above(&p->keys, path, false);

	str_add_escaped(&shown, path);
	if (is_above) {
		fault_set(f, EM_USAGE, "'%s' is no key but a section", str_get(&shown));
		fault_hint(f, "its keys: emqx_ctl conf show %s -o name", str_get(&shown));
	} else {
		fault_set(f, EM_NOTFOUND, "no key '%s'", str_get(&shown));
		if (keys_nearest(&p->keys, path, &near))
			fault_hint(f, "did you mean '%s'?", str_get(&near));
		else
			fault_hint(f, "list them: emqx_ctl conf show -o name");
	}
	str_fini(&shown);
	str_fini(&near);
	return f->err;
}

static em_err
check_list(struct slice path, struct slice list, struct fault *f)
{
	if (path.n == list.n)
		return EM_OK;
	fault_set(f, EM_USAGE, "an item of a list is not set alone: set all of '%.*s'",
	    SLICE_FMT(list));
	fault_hint(f, "what it is now: emqx_ctl conf show %.*s", SLICE_FMT(list));
	return EM_USAGE;
}

static em_err
check_key(const struct persist *p, struct slice path, struct fault *f)
{
	static const char reload[] = "emqx_ctl conf reload";
	static const char restart[] = "systemctl restart emqxd";
	struct key_found found = { 0 };
	bool is_key = keys_find(&p->keys, path, &found);
	bool at_start =
	    is_key && found.field != NULL && found.field->reload == CONF_RESTART;
	struct slice root, list;

	if (is_own(path, &root))
		return read_only(
		    f, root, "each node has its own", at_start ? restart : reload);
	if (find_list(p, path, &list))
		return check_list(path, list, f);
	if (!is_key)
		return no_key(p, path, f);
	if (found.field == NULL)
		return fault_set(f, EM_STATE,
		    "'%.*s' is accepted in a file and has no meaning here",
		    SLICE_FMT(path));
	if (at_start)
		return read_only(f, path, "it is taken when a node starts", restart);
	if (found.field->secret)
		return read_only(f, path, "it is a secret", reload);
	return EM_OK;
}

em_err
persist_may_set(
    const struct persist *p, struct slice path, struct str *today, struct fault *f)
{
	struct str wide = { 0 };
	em_err err;

	if (!conf_show_alias(path, today, &wide)) {
		str_reset(today);
		str_add_slice(today, path);
	}
	str_fini(&wide);
	err = check_key(p, str_slice(today), f);
	if (err == EM_OK && !persist_has(p, str_slice(today)) &&
	    p->row.n >= PERSIST_ROWS_MAX)
		err = fault_set(f, EM_FULL, "%d keys are set already", PERSIST_ROWS_MAX);
	return err;
}

/* ---- values */

#define ANY "value"

/* A text of one value, as a tree of its own: what stands under ANY, or NULL. */
static struct tree_node *
parse(struct conf_tree *t, struct slice text, struct conf_report *r)
{
	struct tree_pos pos = { tree_keep(t, SLICE_LIT("the value")), 0, 0 };

	if (hocon_parse_value(t, SLICE_LIT(ANY), text, pos, r) != EM_OK)
		return NULL;
	tree_resolve(t, NULL, r);
	return r->fault.n > 0 ? NULL : tree_find(t, SLICE_LIT(ANY));
}

em_err
persist_value(struct slice text, struct str *value, struct fault *f)
{
	struct conf_report r = { .more = false };
	const struct tree_node *node;
	struct conf_tree t;

	str_reset(value);
	tree_init(&t);
	node = parse(&t, text, &r);
	if (node != NULL)
		tree_print_hocon(node, 0, value);
	else if (r.fault.n > 0)
		fault_set(f, EM_MALFORMED, "%s", r.fault.p[0].text);
	else
		fault_set(f, EM_MALFORMED, "a value is missing");
	if (value->n > PERSIST_VALUE_MAX)
		fault_set(
		    f, EM_TOOBIG, "a value has at most %u bytes", PERSIST_VALUE_MAX);
	conf_report_fini(&r);
	tree_fini(&t);
	return f->err;
}

static bool
reads_as(const struct key_found *found, struct slice text)
{
	struct conf_report r = { .more = false };
	struct conf_pool pool = { 0 };
	struct str why = { 0 };
	const struct tree_node *node;
	struct conf_tree t;
	void *scratch = mem_new_array(1, found->section->size);
	bool ok;

	tree_init(&t);
	node = parse(&t, text, &r);
	ok = node != NULL && value_read(found->field, node, &pool, scratch, &why);
	tree_fini(&t);
	conf_report_fini(&r);
	conf_pool_fini(&pool);
	str_fini(&why);
	mem_free(scratch);
	return ok;
}

/* Does this version know the key, and the value? */
static bool
is_readable(const struct persist *p, const struct persist_row *row)
{
	struct slice path = slice_str(row->path), list;
	struct key_found found = { 0 };

	if (find_list(p, path, &list))
		return true;
	return keys_find(&p->keys, path, &found) && found.field != NULL &&
	       reads_as(&found, slice_str(row->value));
}

/* ---- rows */

/* Where it is, or should be. */
static bool
find(const struct persist *p, struct slice path, size_t *at)
{
	for (*at = 0; *at < p->row.n; ++*at) {
		int d = slice_cmp(slice_str(p->row.p[*at].path), path);

		if (d >= 0)
			return d == 0;
	}
	return false;
}

bool
persist_has(const struct persist *p, struct slice path)
{
	size_t at;

	return find(p, path, &at);
}

static void
take_out(struct persist *p, size_t at)
{
	free_row(&p->row.p[at]);
	p->row.n--;
	memmove(&p->row.p[at], &p->row.p[at + 1], (p->row.n - at) * sizeof *p->row.p);
}

static void
put_in(struct persist *p, size_t at, struct slice path)
{
	(void)VEC_PUSH(&p->row);
	memmove(&p->row.p[at + 1], &p->row.p[at], (p->row.n - 1 - at) * sizeof *p->row.p);
	p->row.p[at] = (struct persist_row){ .path = mem_dup(path.p, path.n) };
}

em_err
persist_put(struct persist *p, struct slice path, struct slice value)
{
	bool is_there;
	size_t at;

	is_there = find(p, path, &at);
	if (value.p == NULL) {
		if (!is_there)
			return EM_NOTFOUND;
		take_out(p, at);
		return EM_OK;
	}
	if (!is_there && p->row.n >= PERSIST_ROWS_MAX)
		return EM_FULL;
	if (!is_there)
		put_in(p, at, path);
	mem_free(p->row.p[at].value);
	p->row.p[at].value = mem_dup(value.p, value.n);
	return EM_OK;
}

/* Behind a '#', in one line that is text, whatever bytes another node has sent. */
static void
add_unreadable(const struct persist_row *row, struct str *out)
{
	str_add(out, "# this version cannot read it: ");
	str_add_escaped(out, slice_str(row->path));
	str_add(out, " = ");
	str_add_escaped(out, slice_str(row->value));
	str_add_char(out, '\n');
}

/* @proposed: written as it is, also if it cannot be read: the loading will say why. */
static void
print(const struct persist *p, struct slice proposed, struct str *out)
{
	str_reset(out);
	str_add(out, HEAD);
	for (size_t i = 0; i < p->row.n; i++) {
		const struct persist_row *row = &p->row.p[i];

		if (slice_eq_str(proposed, row->path) || is_readable(p, row))
			str_addf(out, "%s = %s\n", row->path, row->value);
		else
			add_unreadable(row, out);
	}
}

void
persist_print(const struct persist *p, struct str *out)
{
	print(p, SLICE_NONE, out);
}

void
persist_print_with(
    struct persist *p, struct slice path, struct slice value, struct str *out)
{
	struct persist_row row = { NULL, NULL };
	bool is_put; /* and can be undone */
	size_t at;

	if (find(p, path, &at)) {
		row.value = p->row.p[at].value;
		p->row.p[at].value = mem_strdup(row.value);
	}
	is_put = persist_put(p, path, value) == EM_OK;
	print(p, path, out);
	if (is_put && persist_put(p, path, slice_str(row.value)) != EM_OK)
		UNREACHABLE(); /* there is room where it was before */
	mem_free(row.value);
}

/* ---- the file */

static void
folder_path(const char *dir, struct str *out)
{
	str_reset(out);
	str_addf(out, "%s/configs", dir);
}

void
persist_path(const char *dir, struct str *out)
{
	folder_path(dir, out);
	str_add(out, "/cluster.hocon");
}

static em_err
refuse(struct fault *f, const char *path, const char *verb, int error)
{
	return fault_set(
	    f, err_from_errno(error), "%s cannot be %s: %s", path, verb, strerror(error));
}

static int
read_all(const char *path, struct str *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), error = 0;
	char buf[16384];
	ssize_t n = 1;

	if (fd < 0)
		return errno;
	while (error == 0 && n > 0) {
		n = read(fd, buf, sizeof buf);
		if (n < 0)
			error = errno;
		else
			str_add_bytes(text, buf, (size_t)n);
		if (text->n > HOCON_FILE_MAX)
			error = EFBIG;
	}
	close(fd);
	return error;
}

em_err
persist_read(const char *dir, struct str *text, struct fault *f)
{
	struct str path = { 0 };
	em_err err = EM_OK;
	int error;

	str_reset(text);
	persist_path(dir, &path);
	error = read_all(str_get(&path), text);
	if (error == ENOENT || error == ENOTDIR)
		err = EM_NOTFOUND;
	else if (error != 0)
		err = refuse(f, str_get(&path), "read", error);
	str_fini(&path);
	return err;
}

static bool
is_ours(const struct str *text)
{
	return slice_starts(str_slice(text), SLICE_LIT(OURS));
}

bool
persist_is_foreign(const struct persist *p)
{
	struct fault f = { .err = EM_OK };
	struct str text = { 0 };
	bool is_foreign = persist_read(p->dir, &text, &f) == EM_OK && !is_ours(&text);

	fault_clear(&f);
	str_fini(&text);
	return is_foreign;
}

/* A power cut leaves the former file or the new one. */
static int
replace(const struct persist *p, const char *path, const struct str *text, bool keep)
{
	struct str dir = { 0 }, kept = { 0 };
	int error = 0;

	folder_path(p->dir, &dir);
	str_addf(&kept, "%s.before", path);
	if (mkdir(str_get(&dir), 0750) != 0 && errno != EEXIST)
		error = errno;
	if (error == 0 && keep) {
		(void)unlink(str_get(&kept));
		if (link(path, str_get(&kept)) != 0)
			error = errno;
	}
	if (error == 0)
		error = file_replace(path, str_slice(text));
	str_fini(&dir);
	str_fini(&kept);
	return error;
}

em_err
persist_write(const struct persist *p, bool *is_new, struct fault *f)
{
	struct str text = { 0 }, old = { 0 }, path = { 0 };
	em_err err = persist_read(p->dir, &old, f);
	bool is_there = err == EM_OK;
	int error = 0;

	*is_new = false;
	persist_print(p, &text);
	persist_path(p->dir, &path);
	if (p->row.n == 0 && (!is_there || !is_ours(&old)))
		err = err == EM_NOTFOUND
			  ? EM_OK
			  : err; /* nothing to say, and nothing of ours there */
	else if (err == EM_OK || err == EM_NOTFOUND) {
		err = EM_OK;
		*is_new = !is_there || strcmp(str_get(&old), str_get(&text)) != 0;
		if (*is_new)
			error =
			    replace(p, str_get(&path), &text, is_there && !is_ours(&old));
	}
	if (error != 0) {
		*is_new = false;
		err = refuse(f, str_get(&path), "written", error);
	}
	str_fini(&text);
	str_fini(&old);
	str_fini(&path);
	return err;
}
