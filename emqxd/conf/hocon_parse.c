/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hocon_parse: see hocon_parse.h.  Recursive descent; the depth of nesting, of
 * paths and of includes is bounded, and so are nodes and bytes (tree.h).
 */
#include "emqxd/conf/hocon_parse.h"
#include "ipc/base/mem.h"
#include "ipc/base/utf8.h"
#include "emqxd/conf/legacy.h"
#include "emqxd/conf/hocon_lex.h"
#include "emqxd/conf/names.h"
#include "emqxd/conf/report.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIPE_WAIT span_s(3) /* for all that a pipe says */

struct parser {
	struct conf_tree *tree;
	struct conf_report *report;
	struct hocon_lex lex; /* of the file that is read now */
	struct str path;      /* dotted, of the object that is filled */
	unsigned depth;       /* of braces, brackets and path segments */
	unsigned braces;      /* open in this file; 0: flat lines */
	unsigned in_array;    /* then paths have no meaning */
	unsigned include_depth;
	unsigned files;
};

static bool parse_body(struct parser *p, struct tree_node *into);
static bool parse_file(struct parser *p, const char *path, struct tree_node *into);
static struct tree_node *parse_value(struct parser *p, bool commas);

static bool
fail(struct parser *p, const char *what, const char *hint)
{
	report_fault(p->report, hocon_lex_pos(&p->lex), hint, "%s", what);
	return false;
}

static bool
too_much(struct parser *p)
{
	return fail(
	    p, "the configuration is too large", "at most 65536 values and 16 MB");
}

static bool
enter(struct parser *p)
{
	if (p->depth >= TREE_DEPTH_MAX)
		return fail(p, "nested too deeply", "at most 32 levels");
	p->depth++;
	return true;
}

/* ---- include */

/* The path beside the including file; the caller's. */
static char *
beside(const char *file, struct slice name)
{
	struct str path = { 0 };
	const char *slash = strrchr(file, '/');

	if (slash != NULL && (name.n == 0 || name.p[0] != '/'))
		str_add_bytes(&path, file, (size_t)(slash - file) + 1);
	str_add_slice(&path, name);
	return str_take(&path);
}

static bool
include_glob(struct parser *p, const char *pattern, struct tree_node *into)
{
	bool ok = true;
	glob_t found;

	if (glob(pattern, 0, NULL, &found) != 0)
		return true; /* a pattern may match nothing */
	for (size_t i = 0; i < found.gl_pathc && ok; i++)
		ok = parse_file(p, found.gl_pathv[i], into);
	globfree(&found);
	return ok;
}

/* The name in: "x"  file("x")  required(file("x"))  x (of 4.x: the rest of the line). */
static bool
include_name(struct parser *p, struct str *name)
{
	unsigned open = 0;
	struct slice line;

	for (;;) {
		if (hocon_lex_is(&p->lex, "required("))
			hocon_lex_skip(&p->lex, 9);
		else if (hocon_lex_is(&p->lex, "file("))
			hocon_lex_skip(&p->lex, 5);
		else
			break;
		open++;
	}
	if (hocon_lex_peek(&p->lex) != '"' && open == 0) {
		line = hocon_lex_rest_of_line(&p->lex);
		str_add_slice(name, line);
		return line.n > 0 || fail(p, "include what?", "include \"other.conf\"");
	}
	if (hocon_lex_peek(&p->lex) != '"')
		return fail(p, "include takes a quoted name", "include \"other.conf\"");
	if (!hocon_lex_quoted(&p->lex, name))
		return fail(p, p->lex.wrong, NULL);
	for (; open > 0; open--) {
		hocon_lex_blank(&p->lex);
		if (hocon_lex_peek(&p->lex) != ')')
			return fail(p, "a ')' is missing", NULL);
		hocon_lex_skip(&p->lex, 1);
	}
	return true;
}

static bool
parse_include(struct parser *p, struct tree_node *into)
{
	struct str name = { 0 };
	char *path = NULL;
	bool ok;

	hocon_lex_skip(&p->lex, strlen("include"));
	hocon_lex_blank(&p->lex);
	ok = include_name(p, &name);
	if (ok) {
		path = beside(p->lex.file, str_slice(&name));
		if (strpbrk(path, "*?[") != NULL)
			ok = include_glob(p, path, into);
		else
			ok = parse_file(p, path, into);
	}
	mem_free(path);
	str_fini(&name);
	return ok;
}

static bool
is_include(const struct hocon_lex *x)
{
	struct hocon_lex ahead = *x;
	int c;

	if (!hocon_lex_is(x, "include"))
		return false;
	hocon_lex_skip(&ahead, strlen("include"));
	c = hocon_lex_peek(&ahead);
	if (c != ' ' && c != '\t' && c != '"')
		return false;
	hocon_lex_blank(&ahead);
	c = hocon_lex_peek(&ahead);
	return c != '=' && c != ':' && c != '{' && c != '+' && c != '\n' && c != -1;
}

/* ---- values */

static bool
parse_array(struct parser *p, struct tree_node *array)
{
	struct tree_node *item;

	hocon_lex_skip(&p->lex, 1);
	for (;;) {
		(void)hocon_lex_gap(&p->lex);
		if (hocon_lex_peek(&p->lex) == ']') {
			hocon_lex_skip(&p->lex, 1);
			return true;
		}
		item = parse_value(p, false);
		if (item == NULL)
			return false;
		tree_append(array, &item);
		if (!hocon_lex_gap(&p->lex) && hocon_lex_peek(&p->lex) != ',' &&
		    hocon_lex_peek(&p->lex) != ']')
			return fail(p, "a ',' or ']' is missing", NULL);
		if (hocon_lex_peek(&p->lex) == ',')
			hocon_lex_skip(&p->lex, 1);
	}
}

static bool
parse_object(struct parser *p, struct tree_node *object)
{
	struct tree_pos open = hocon_lex_pos(&p->lex);
	bool ok;

	hocon_lex_skip(&p->lex, 1);
	p->braces++;
	ok = parse_body(p, object);
	p->braces--;
	if (!ok)
		return false;
	if (hocon_lex_peek(&p->lex) != '}') {
		report_fault(p->report, open, NULL, "this '{' has no '}'");
		return false;
	}
	hocon_lex_skip(&p->lex, 1);
	return true;
}

static bool
fill_container(struct parser *p, struct tree_node *node)
{
	bool ok;

	if (!enter(p))
		return false;
	if (node->kind == TREE_ARRAY) {
		p->in_array++;
		ok = parse_array(p, node);
		p->in_array--;
	} else {
		ok = parse_object(p, node);
	}
	p->depth--;
	return ok;
}

static struct tree_node *
quoted_part(struct parser *p, struct tree_pos pos)
{
	struct tree_node *node = NULL;
	struct str text = { 0 };

	if (!hocon_lex_quoted(&p->lex, &text))
		fail(p, p->lex.wrong, NULL);
	else if (strlen(str_get(&text)) != text.n)
		fail(p, "a text holds no character 0", NULL);
	else if ((node = tree_node_new(p->tree, TREE_TEXT, str_slice(&text), pos)) !=
		 NULL)
		node->is_quoted = true;
	else
		too_much(p);
	str_fini(&text);
	return node;
}

static struct tree_node *
ref_part(struct parser *p, struct tree_pos pos)
{
	struct tree_node *node;
	struct slice path;
	bool is_optional;

	if (!hocon_lex_ref(&p->lex, &path, &is_optional)) {
		fail(p, p->lex.wrong, NULL);
		return NULL;
	}
	node = tree_node_new(p->tree, TREE_REF, path, pos);
	if (node == NULL)
		too_much(p);
	else
		node->is_optional = is_optional;
	return node;
}

static struct tree_node *
container_part(struct parser *p, enum tree_kind kind, struct tree_pos pos)
{
	struct tree_node *node = tree_node_new(p->tree, kind, SLICE_NONE, pos);

	if (node == NULL)
		too_much(p);
	else if (!fill_container(p, node))
		tree_node_free(&node);
	return node;
}

/* Appends the next part of a value to @join.  *more false: the value ended. */
static bool
parse_part(struct parser *p, bool commas, struct tree_node *join, bool *more)
{
	struct tree_pos pos = hocon_lex_pos(&p->lex);
	int c = hocon_lex_peek(&p->lex);
	struct tree_node *node;
	struct slice bare;

	*more = true;
	if (c == '"') {
		node = quoted_part(p, pos);
	} else if (c == '{') {
		node = container_part(p, TREE_OBJECT, pos);
	} else if (c == '[') {
		node = container_part(p, TREE_ARRAY, pos);
	} else if (hocon_lex_is(&p->lex, "${")) {
		node = ref_part(p, pos);
	} else {
		*more = hocon_lex_bare(&p->lex, commas, &bare);
		if (!*more)
			return true;
		if (memchr(bare.p, '=', bare.n) != NULL)
			return fail(p, "a bare value holds no '='",
			    "quote the value, or give the next key its own line");
		node = tree_node_new(p->tree, TREE_TEXT, bare, pos);
		if (node == NULL)
			return too_much(p);
	}
	if (node == NULL)
		return false;
	tree_append(join, &node);
	return true;
}

/* Blanks at the end, and a comma behind a flat line, belong to no value. */
static void
trim_end(struct tree_node *join)
{
	struct tree_node *last =
	    join->child.n > 0 ? join->child.p[join->child.n - 1] : NULL;
	size_t n;

	if (last == NULL || last->kind != TREE_TEXT || last->is_quoted)
		return;
	for (n = strlen(last->text);
	     n > 0 && strchr(" \t\r\f\v,", last->text[n - 1]) != NULL;)
		n--;
	last->text[n] = '\0';
	if (n == 0) {
		tree_node_free(&last);
		join->child.n--;
	}
}

static struct tree_node *
parse_value(struct parser *p, bool commas)
{
	struct tree_node *join;
	const char *why = NULL;
	bool more = true;

	hocon_lex_blank(&p->lex);
	join = tree_node_new(p->tree, TREE_JOIN, SLICE_NONE, hocon_lex_pos(&p->lex));
	if (join == NULL) {
		too_much(p);
		return NULL;
	}
	while (more) {
		if (!parse_part(p, commas, join, &more)) {
			tree_node_free(&join);
			return NULL;
		}
	}
	trim_end(join);
	if (!tree_join(p->tree, join, &why)) {
		fail(p, why, NULL);
		tree_node_free(&join);
	}
	return join;
}

/* ---- fields */

struct key {
	struct str path; /* dotted, as far as this line says */
	struct str full; /* from the root */
	struct tree_pos pos;
	unsigned segments;
};

static void
key_fini(struct key *k)
{
	str_fini(&k->path);
	str_fini(&k->full);
}

static bool
parse_segment(struct parser *p, struct str *out)
{
	struct slice bare;

	if (hocon_lex_peek(&p->lex) == '"') {
		if (!hocon_lex_quoted(&p->lex, out))
			return fail(p, p->lex.wrong, NULL);
		if (out->n == 0 || memchr(out->p, '"', out->n) != NULL ||
		    strlen(str_get(out)) != out->n)
			return fail(p, "this is no name of a key", NULL);
		return true;
	}
	if (!hocon_lex_key(&p->lex, &bare))
		return fail(p, "a key was expected here", "key = value");
	str_add_slice(out, bare);
	return true;
}

static bool
parse_key(struct parser *p, struct key *k)
{
	struct str segment = { 0 };
	bool ok = true;

	k->pos = hocon_lex_pos(&p->lex);
	for (;;) {
		str_reset(&segment);
		ok = parse_segment(p, &segment);
		if (!ok)
			break;
		tree_path_add(&k->path, str_slice(&segment));
		k->segments++;
		if (p->depth + k->segments > TREE_DEPTH_MAX) {
			ok = fail(p, "nested too deeply", "at most 32 levels");
			break;
		}
		if (hocon_lex_peek(&p->lex) != '.')
			break;
		hocon_lex_skip(&p->lex, 1);
	}
	hocon_lex_blank(&p->lex);
	str_fini(&segment);
	str_add_slice(&k->full, str_slice(&p->path));
	if (k->full.n > 0)
		str_add_char(&k->full, '.');
	str_add_slice(&k->full, str_slice(&k->path));
	return ok;
}

/* Puts the value under the key, below @into. */
static bool
put_value(
    struct parser *p, const struct key *k, struct tree_node *into, struct tree_node **np)
{
	struct slice rest = str_slice(&k->path), segment = SLICE_NONE;

	(void)tree_path_next(&rest, &segment);
	while (rest.n > 0) {
		into = tree_object_at(p->tree, into, segment, k->pos);
		if (into == NULL) {
			tree_node_free(np);
			return too_much(p);
		}
		(void)tree_path_next(&rest, &segment);
	}
	(*np)->key = k->pos;
	tree_put(into, segment, np);
	return true;
}

/* `a += b` is `a = ${?a} [b]`, and an empty reference is the value before. */
static struct tree_node *
appended(struct parser *p, struct tree_node **itemp)
{
	struct tree_pos pos = (*itemp)->pos;
	struct tree_node *join = tree_node_new(p->tree, TREE_JOIN, SLICE_NONE, pos);
	struct tree_node *ref = tree_node_new(p->tree, TREE_REF, SLICE_NONE, pos);
	struct tree_node *array = tree_node_new(p->tree, TREE_ARRAY, SLICE_NONE, pos);

	if (join == NULL || ref == NULL || array == NULL) {
		tree_node_free(&join);
		tree_node_free(&ref);
		tree_node_free(&array);
		tree_node_free(itemp);
		too_much(p);
		return NULL;
	}
	ref->is_optional = true;
	tree_append(array, itemp);
	tree_append(join, &ref);
	tree_append(join, &array);
	return join;
}

static bool
put_old(struct parser *p, const struct key *k, const struct conf_name *old)
{
	struct tree_node *value;

	if (p->braces == 0 && !old->is_hocon) { /* all that is left of the line */
		legacy_put(p->tree, str_slice(&k->full), hocon_lex_rest_of_line(&p->lex),
		    k->pos, p->report);
		return true;
	}
	value = parse_value(p, p->braces == 0);
	if (value == NULL)
		return false;
	if (value->kind == TREE_TEXT)
		legacy_put(p->tree, str_slice(&k->full), slice_str(value->text), k->pos,
		    p->report);
	else
		report_fault(
		    p->report, k->pos, NULL, "%s takes one text", str_get(&k->full));
	tree_node_free(&value);
	return true;
}

static bool
parse_assigned(struct parser *p, const struct key *k, struct tree_node *into)
{
	size_t outer = p->path.n;
	const struct conf_name *old = NULL;
	struct tree_node *value;
	size_t at = 0;
	bool is_append = hocon_lex_is(&p->lex, "+=");

	if (hocon_lex_peek(&p->lex) != '{')
		hocon_lex_skip(&p->lex, is_append ? 2 : 1);
	if (p->in_array == 0 && !is_append)
		old = names_find_old(str_slice(&k->full), &at, NULL);
	if (p->braces > 0)
		(void)hocon_lex_gap(&p->lex); /* of JSON */
	hocon_lex_blank(&p->lex);
	/* log.file is a text in 4.x and an object today */
	if (old != NULL && (hocon_lex_peek(&p->lex) != '{' || old->class != NAME_ALIAS))
		return put_old(p, k, old);
	str_reset(&p->path);
	str_add_slice(&p->path, str_slice(&k->full));
	p->depth += k->segments;
	value = parse_value(p, p->braces == 0 && p->in_array == 0);
	p->depth -= k->segments;
	str_cut(&p->path, outer);
	if (value != NULL && is_append)
		value = appended(p, &value);
	if (value == NULL)
		return false;
	return put_value(p, k, into, &value);
}

/* JSON lets lines end anywhere; a flat line only before a '{'. */
static void
skip_lines_before(struct parser *p, const char *what)
{
	struct hocon_lex ahead = p->lex;
	int c;

	(void)hocon_lex_gap(&ahead);
	c = hocon_lex_peek(&ahead);
	if (c > 0 && strchr(p->braces > 0 ? what : "{", c) != NULL)
		p->lex = ahead;
}

static bool
parse_field(struct parser *p, struct tree_node *into)
{
	struct key k = { 0 };
	bool ok = parse_key(p, &k);
	int c;

	skip_lines_before(p, "{=:");
	c = hocon_lex_peek(&p->lex);
	if (ok && c != '=' && c != ':' && c != '{' && !hocon_lex_is(&p->lex, "+="))
		ok = fail(p, "a '=' is missing behind the key", "key = value");
	ok = ok && parse_assigned(p, &k, into);
	key_fini(&k);
	return ok;
}

/* Fields up to '}' or the end of the file. */
static bool
parse_body(struct parser *p, struct tree_node *into)
{
	bool separated = true;
	int c;

	for (;;) {
		separated = hocon_lex_gap(&p->lex) || separated;
		c = hocon_lex_peek(&p->lex);
		if (c == -1 || c == '}')
			return true;
		if (!separated)
			return fail(p, "the next key needs a new line or a ','", NULL);
		if (!(is_include(&p->lex) ? parse_include(p, into)
					  : parse_field(p, into)))
			return false;
		separated = hocon_lex_gap(&p->lex);
		if (hocon_lex_peek(&p->lex) == ',') {
			hocon_lex_skip(&p->lex, 1);
			separated = true;
		}
	}
}

/* ---- files */

static bool
is_text(struct parser *p, struct slice text)
{
	struct tree_pos pos = { p->lex.file, 1, 1 };

	while (text.n > 0) {
		uint32_t cp;
		size_t n = utf8_next(text, &cp);

		if (n == 0 || cp == 0) {
			report_fault(p->report, pos, "save the file as UTF-8",
			    "byte 0x%02x is no text", text.p[0]);
			return false;
		}
		pos.line += cp == '\n';
		pos.col = cp == '\n' ? 1 : pos.col + (uint32_t)n;
		text = slice_from(text, n);
	}
	return true;
}

/* The top of a file: HOCON lets braces stand around all of it. */
static bool
parse_top(struct parser *p, const char *name, struct slice text, struct tree_node *into)
{
	struct hocon_lex outer = p->lex;
	unsigned outer_braces = p->braces;
	bool ok;

	hocon_lex_init(&p->lex, tree_keep(p->tree, slice_str(name)), text);
	p->braces = p->path.n > 0 ? 1 : 0; /* inside an object: as in its braces */
	ok = is_text(p, text);
	(void)hocon_lex_gap(&p->lex);
	if (ok && hocon_lex_peek(&p->lex) == '{') {
		ok = enter(p) && parse_object(p, into);
		p->depth -= ok;
		(void)hocon_lex_gap(&p->lex);
	} else if (ok) {
		ok = parse_body(p, into);
	}
	if (ok && hocon_lex_peek(&p->lex) != -1)
		ok = fail(p, "nothing was expected here", NULL);
	p->lex = outer;
	p->braces = outer_braces;
	return ok;
}

/* More of it, or its end.  A pipe or a device may have nothing for ever. */
static em_err
wait_for_more(int fd, mono_t until)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int64_t ms = span_to_ms(mono_since(until, span_mono_now()));

	return poll(&p, 1, ms > 0 ? (int)ms : 0) > 0 ? EM_OK : EM_TIMEOUT;
}

static em_err
read_file(const char *path, struct str *out)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	mono_t until = mono_add(span_mono_now(), PIPE_WAIT);
	em_err err = EM_OK;
	struct stat st;
	char buf[16384];
	ssize_t n = 1;

	if (fd < 0)
		return err_from_errno(errno);
	if (fstat(fd, &st) != 0 || S_ISDIR(st.st_mode))
		err = EM_UNSUPPORTED;
	while (err == EM_OK && n != 0) {
		err = wait_for_more(fd, until);
		n = err == EM_OK ? read(fd, buf, sizeof(buf)) : 0;
		if (n > 0)
			str_add_bytes(out, buf, (size_t)n);
		if (n < 0 && errno != EAGAIN)
			err = EM_IO;
		if (out->n > HOCON_FILE_MAX)
			err = EM_TOOBIG;
	}
	close(fd);
	return err;
}

static bool
parse_file(struct parser *p, const char *path, struct tree_node *into)
{
	struct str text = { 0 };
	struct tree_pos pos = { 0 };
	bool ok = false;
	em_err err;

	if (p->lex.file != NULL)
		pos = hocon_lex_pos(&p->lex);
	if (p->include_depth >= HOCON_INCLUDE_DEPTH || p->files >= HOCON_FILES_MAX) {
		report_fault(p->report, pos, "does a file include itself?",
		    "too many files are included");
		return false;
	}
	p->files++;
	p->include_depth++;
	err = read_file(path, &text);
	if (err != EM_OK)
		report_fault(p->report, pos,
		    err == EM_TIMEOUT ? "is it a pipe that nobody writes to?" : NULL,
		    "cannot read %s: %s", path, err_text(err));
	else
		ok = parse_top(p, path, str_slice(&text), into);
	p->include_depth--;
	str_fini(&text);
	return ok;
}

em_err
hocon_parse_file(struct conf_tree *t, const char *path, struct conf_report *r)
{
	struct parser p = { .tree = t, .report = r };
	bool ok = parse_file(&p, path, t->root);

	str_fini(&p.path);
	return ok ? EM_OK : EM_MALFORMED;
}

em_err
hocon_parse_text(
    struct conf_tree *t, const char *name, struct slice text, struct conf_report *r)
{
	struct parser p = { .tree = t, .report = r, .include_depth = 1, .files = 1 };
	bool ok = parse_top(&p, name, text, t->root);

	str_fini(&p.path);
	return ok ? EM_OK : EM_MALFORMED;
}

/* Only what starts as an object, an array or a quoted text is read as such: a variable's
 * value has no comments and needs no quotes. */
static struct tree_node *
parse_variable(struct parser *p, struct slice text)
{
	struct tree_node *value;
	int c = text.n > 0 ? text.p[0] : -1;

	if (c != '{' && c != '[' && c != '"') {
		value = tree_node_new(p->tree, TREE_TEXT, text, hocon_lex_pos(&p->lex));
		if (value == NULL)
			too_much(p);
		return value;
	}
	value = parse_value(p, true);
	(void)hocon_lex_gap(&p->lex);
	if (value != NULL && hocon_lex_peek(&p->lex) != -1) {
		fail(p, "nothing was expected behind the value", NULL);
		tree_node_free(&value);
	}
	return value;
}

em_err
hocon_parse_value(struct conf_tree *t, struct slice path, struct slice text,
    struct tree_pos pos, struct conf_report *r)
{
	struct parser p = { .tree = t, .report = r, .braces = 1 };
	struct tree_node *value = NULL;
	em_err err = EM_MALFORMED;

	hocon_lex_init(&p.lex, pos.file, text);
	p.lex.line = pos.line;
	str_add_slice(&p.path, path);
	if (is_text(&p, text))
		value = parse_variable(&p, text);
	if (value != NULL) {
		value->pos = pos;
		if (tree_put_path(t, path, &value))
			err = EM_OK;
		else
			report_fault(
			    r, pos, NULL, "there is no such place to put a value");
	}
	tree_node_free(&value);
	str_fini(&p.path);
	return err;
}
