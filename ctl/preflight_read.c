/* SPDX-License-Identifier: Apache-2.0 */
/*
 * preflight_read: the dynamic loader's words to plain sentences.
 *
 *	PROGRAM: error while loading shared libraries: PATH: WHY
 *		libfoo.so.1 => not found
 *	PROGRAM: PATH: version `V' not found (required by WHO)
 *	PROGRAM: PATH: no version information available (required by WHO)
 *	undefined symbol: NAME, version V	(WHO)
 */
#include "ctl/preflight.h"
#include "ipc/base/num.h"

#define NOT_FOUND "cannot open shared object file"

static void
add(struct preflight *p, struct str *text, struct str *hint)
{
	struct preflight_problem *problem = VEC_PUSH(&p->v);

	*problem = (struct preflight_problem){ str_take(text), NULL };
	if (hint->n > 0)
		problem->hint = str_take(hint);
	str_fini(hint);
}

void
preflight_fini(struct preflight *p)
{
	for (size_t i = 0; i < p->v.n; i++) {
		mem_free(p->v.p[i].text);
		mem_free(p->v.p[i].hint);
	}
	VEC_FINI(&p->v);
}

/* Debian's package of a library, or NULL. */
static const char *
package_of(struct slice library)
{
	static const struct {
		const char *start, *package;
	} packages[] = {
		{ "libssl.so.3", "libssl3" },
		{ "libcrypto.so.3", "libssl3" },
		{ "liburcu", "liburcu8" },
		{ "libmsgpackc.so", "libmsgpackc2" },
		{ "libcjson.so", "libcjson1" },
		{ "libraft.so", "libraft2" },
		{ "libuv.so", "libuv1" },
		{ "libcurl.so.4", "libcurl4" },
	};

	while (library.n > 0 && memchr(library.p, '/', library.n) != NULL)
		library = slice_from(library, 1);
	for (size_t i = 0; i < sizeof packages / sizeof packages[0]; i++)
		if (slice_starts(library, slice_str(packages[i].start)))
			return packages[i].package;
	return NULL;
}

/* Is the library in one of the folders of LD_LIBRARY_PATH? */
static bool
is_in_folders(struct slice library, const char *path)
{
	while (path != NULL && *path != '\0') {
		size_t n = strcspn(path, ":");

		if (n > 0 && library.n > n && slice_starts(library, slice_of(path, n)))
			return true;
		path += n;
		path += *path == ':' ? 1 : 0;
	}
	return false;
}

static void
hint_library(struct str *hint, struct slice library, const char *path, const char *verb)
{
	const char *package = package_of(library);

	if (is_in_folders(library, path))
		str_addf(hint,
		    "LD_LIBRARY_PATH=%s leads there before the system's own: unset it",
		    path);
	else if (package != NULL)
		str_addf(hint, "%s the package %s", verb, package);
	else
		str_addf(hint, "sh packaging/install-deps installs what is needed");
}

/* The text of @line between @from and @to; empty when they are not there. */
static struct slice
between(struct slice line, const char *from, const char *to)
{
	const uint8_t *a = memmem(line.p, line.n, from, strlen(from)), *b;
	struct slice rest;

	if (a == NULL)
		return SLICE_NONE;
	rest = slice_from(line, (size_t)(a - line.p) + strlen(from));
	b = memmem(rest.p, rest.n, to, strlen(to));
	return b != NULL ? slice_head(rest, (size_t)(b - rest.p)) : SLICE_NONE;
}

static bool
has(struct slice line, const char *text)
{
	return line.n > 0 && memmem(line.p, line.n, text, strlen(text)) != NULL;
}

static void
missing(struct preflight *p, struct slice library, const char *path)
{
	struct str text = { 0 }, hint = { 0 };

	str_add(&text, "the library ");
	str_add_escaped(&text, library);
	str_add(&text, " is not installed");
	hint_library(&hint, library, path, "install");
	add(p, &text, &hint);
}

static void
unusable(struct preflight *p, struct slice library, struct slice why, const char *path)
{
	struct str text = { 0 }, hint = { 0 };

	str_add_escaped(&text, library);
	str_add(&text, " is no library that can be used: ");
	str_add_escaped(&text, why);
	hint_library(&hint, library, path, "install again");
	add(p, &text, &hint);
}

/* "PATH: WHY" behind the loader's own words. */
static void
loading_failed(struct preflight *p, struct slice rest, const char *path)
{
	const uint8_t *colon = memmem(rest.p, rest.n, ": ", 2);
	struct slice library = rest, why = SLICE_NONE;

	if (colon != NULL) {
		library = slice_head(rest, (size_t)(colon - rest.p));
		why = slice_from(rest, library.n + 2);
	}
	if (has(why, NOT_FOUND))
		missing(p, library, path);
	else
		unusable(p, library, why, path);
}

static void
too_old(struct preflight *p, struct slice line, const char *path)
{
	struct slice library = between(line, ": ", ": version `");
	struct slice version = between(line, "version `", "'");
	struct str text = { 0 }, hint = { 0 };

	str_add_escaped(&text, library);
	str_add(&text, " is older than the one that emqxd was built with: it has no ");
	str_add_escaped(&text, version);
	hint_library(&hint, library, path, "upgrade");
	add(p, &text, &hint);
}

/* What is looked for over the lines. */
struct scan {
	struct slice odd; /* a library without versions, where versions are expected */
	struct slice symbol;
	size_t symbols; /* that are nowhere */
};

static void
scan_line(struct preflight *p, struct scan *scan, struct slice line, const char *path)
{
	static const char loading[] = "error while loading shared libraries: ";
	const uint8_t *at = memmem(line.p, line.n, loading, strlen(loading));

	if (at != NULL) {
		size_t n = (size_t)(at - line.p) + strlen(loading);

		loading_failed(p, slice_from(line, n), path);
	} else if (has(line, "=> not found")) {
		missing(p, between(line, "\t", " =>"), path);
	} else if (has(line, ": version `")) {
		too_old(p, line, path);
	} else if (has(line, ": no version information available")) {
		scan->odd = between(line, ": ", ": no version");
	} else if (has(line, "undefined symbol: ") && has(line, "emqxd)")) {
		struct slice rest = between(line, "undefined symbol: ", "\t");

		if (scan->symbols++ == 0)
			scan->symbol = has(rest, ",")
					   ? between(line, "undefined symbol: ", ",")
					   : rest;
	}
}

static void
lacking(struct preflight *p, const struct scan *scan, const char *path)
{
	struct str text = { 0 }, hint = { 0 };

	if (scan->odd.n > 0)
		str_add_escaped(&text, scan->odd);
	else
		str_add(&text, "a library of emqxd");
	str_add(&text, " is not the one that emqxd was built with: it lacks ");
	str_add_escaped(&text, scan->symbol);
	if (scan->symbols > 1)
		str_addf(&text, " and %zu more", scan->symbols - 1);
	hint_library(&hint, scan->odd, path, "install again");
	add(p, &text, &hint);
}

void
preflight_read_loader(struct preflight *p, struct slice said, const char *path)
{
	struct scan scan = { .symbols = 0 };

	while (said.n > 0) {
		const uint8_t *nl = memchr(said.p, '\n', said.n);
		size_t n = nl != NULL ? (size_t)(nl - said.p) : said.n;

		scan_line(p, &scan, slice_head(said, n), path);
		said = slice_from(said, n + 1);
	}
	if (scan.symbols > 0)
		lacking(p, &scan, path);
}

/* The first "3.0.17" behind @word. */
static struct slice
version_behind(struct slice said, const char *word)
{
	const uint8_t *at = memmem(said.p, said.n, word, strlen(word));
	size_t n = 0;

	if (at == NULL)
		return SLICE_NONE;
	said = slice_from(said, (size_t)(at - said.p));
	while (said.n > 0 && (said.p[0] < '0' || said.p[0] > '9'))
		said = slice_from(said, 1);
	while (n < said.n && (said.p[n] == '.' || (said.p[n] >= '0' && said.p[n] <= '9')))
		n++;
	return slice_head(said, n);
}

/* "3.0.17" -> 3000. */
static uint64_t
release(struct slice version)
{
	uint64_t major = 0, minor = 0;
	const uint8_t *dot = version.n > 0 ? memchr(version.p, '.', version.n) : NULL;
	struct slice rest;
	size_t n = 0;

	if (dot == NULL)
		return 0;
	rest = slice_from(version, (size_t)(dot - version.p) + 1);
	while (n < rest.n && rest.p[n] != '.')
		n++;
	if (num_parse_u64(slice_head(version, (size_t)(dot - version.p)), &major) !=
		EM_OK ||
	    num_parse_u64(slice_head(rest, n), &minor) != EM_OK)
		return 0;
	return major * 1000 + minor;
}

void
preflight_read_version(struct preflight *p, struct slice said)
{
	struct slice built = version_behind(said, "built");
	struct slice loaded = version_behind(said, "loaded");
	struct str text = { 0 }, hint = { 0 };

	if (release(built) == 0 || release(loaded) >= release(built))
		return;
	str_addf(&text,
	    "emqxd was built with OpenSSL %.*s and would load %.*s, which is older",
	    SLICE_FMT(built), SLICE_FMT(loaded));
	str_add(&hint, "upgrade the package libssl3, or build emqxd on this machine");
	add(p, &text, &hint);
}
