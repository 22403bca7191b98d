/* SPDX-License-Identifier: Apache-2.0 */
/*
 * complete_ask: candidates from outside: names that the daemon knows, and the
 * files of the folder that is typed.
 */
#include "ctl/complete.h"
#include "ipc/base/str.h"
#include "ctl/names.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { FILES_MAX = 200 };

static int
by_text(const void *a, const void *b)
{
	const struct complete_item *x = a, *y = b;

	return strcmp(x->text, y->text);
}

/* The part up to and with the last slash. */
static struct slice
folder_of(struct slice path)
{
	while (path.n > 0 && path.p[path.n - 1] != '/')
		path.n--;
	return path;
}

static void
add_file(struct complete *out, struct slice folder, const char *name)
{
	struct str path = { 0 };
	struct stat st;

	str_add_slice(&path, folder);
	str_add(&path, name);
	if (stat(str_get(&path), &st) == 0 && S_ISDIR(st.st_mode)) {
		str_add_char(&path, '/');
		complete_add(out, str_slice(&path), NULL);
		out->v.p[out->v.n - 1].open = true;
	} else {
		complete_add(out, str_slice(&path), NULL);
	}
	str_fini(&path);
}

static void
add_files(struct complete *out, struct slice prefix)
{
	struct slice folder = folder_of(prefix), stem = slice_from(prefix, folder.n);
	size_t first = out->v.n;
	struct str path = { 0 };
	struct dirent *e;
	DIR *dir;

	str_add_slice(&path, folder.n > 0 ? folder : SLICE_LIT("."));
	dir = opendir(str_get(&path));
	str_fini(&path);
	if (dir == NULL)
		return;
	while ((e = readdir(dir)) != NULL) {
		/* Hidden ones only when a dot is typed. */
		if (e->d_name[0] == '.' &&
		    (stem.n == 0 || strspn(e->d_name, ".") == strlen(e->d_name)))
			continue;
		if (!slice_starts(slice_str(e->d_name), stem))
			continue;
		if (out->v.n - first == FILES_MAX) {
			out->more = true;
			break;
		}
		add_file(out, folder, e->d_name);
	}
	closedir(dir);
	if (out->v.n > first)
		qsort(out->v.p + first, out->v.n - first, sizeof *out->v.p, by_text);
}

void
complete_ask(void *ctx, cmd_type type, struct slice prefix, const struct slice *before,
    size_t n_before, struct complete *out)
{
	struct names names;

	if (type == CT_INFILE || type == CT_OUTFILE) {
		add_files(out, prefix);
		return;
	}
	names_ask(ctx, type, prefix, before, n_before, &names);
	out->more = out->more || names.more;
	for (size_t i = 0; i < names.v.n; i++)
		if (slice_starts(slice_str(names.v.p[i]), prefix))
			complete_add(out, slice_str(names.v.p[i]), NULL);
	names_fini(&names);
}
