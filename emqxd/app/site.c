/* SPDX-License-Identifier: Apache-2.0 */
/* site: see site.h. */
#include "emqxd/app/site.h"
#include "emqxd/core/file.h"
#include "ipc/base/rand.h"
#include "ipc/base/str.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { DIGITS = 16 };

static em_err
refuse(struct fault *f, const char *path, const char *verb, int error)
{
	return fault_set(
	    f, err_from_errno(error), "%s cannot be %s: %s", path, verb, strerror(error));
}

/* EM_NOTFOUND: there is no file yet. */
static em_err
read_site(const char *path, uint64_t *site, struct fault *f)
{
	char text[DIGITS + 2] = "";
	FILE *file = fopen(path, "re");
	size_t n;

	if (file == NULL)
		return errno == ENOENT ? EM_NOTFOUND : refuse(f, path, "read", errno);
	n = fread(text, 1, sizeof text - 1, file);
	fclose(file);
	if (n == DIGITS + 1 && strspn(text, "0123456789abcdef") == DIGITS &&
	    sscanf(text, "%16" SCNx64, site) == 1 && *site != 0)
		return EM_OK;
	fault_set(f, EM_MALFORMED, "%s is no site id: 16 hexadecimal digits", path);
	fault_hint(f, "with the file removed the node is another one for its cluster");
	return EM_MALFORMED;
}

static em_err
write_site(const char *path, uint64_t site, struct fault *f)
{
	char text[DIGITS + 2];
	int error;

	snprintf(text, sizeof text, "%016" PRIx64 "\n", site);
	error = file_replace(path, slice_str(text));
	return error == 0 ? EM_OK : refuse(f, path, "written", error);
}

em_err
site_open(const char *dir, uint64_t *site, struct fault *f)
{
	struct str path = { 0 };
	em_err err;

	*site = 0;
	str_addf(&path, "%s/site", dir);
	err = read_site(str_get(&path), site, f);
	if (err == EM_NOTFOUND) {
		while (*site == 0)
			rand_bytes(site, sizeof *site);
		err = write_site(str_get(&path), *site, f);
	}
	str_fini(&path);
	return err;
}
