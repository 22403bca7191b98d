/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup: see cgroup.h. */
#include "emqxd/core/cgroup.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static uint64_t
bound_in(const char *path, const struct cgroup_file *f)
{
	FILE *file = fopen(path, "re");
	char line[64];
	uint64_t n = 0;

	if (file == NULL)
		return 0;
	if (fgets(line, sizeof line, file) != NULL)
		n = f->bound(line);
	fclose(file);
	return n;
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a == 0 || (b > 0 && b < a) ? b : a;
}

/* @group, which is cut on the way, and all above it. */
static uint64_t
least_upwards(
    const char *root, char *group, const char *name, const struct cgroup_file *f)
{
	char path[2 * PATH_MAX];
	uint64_t n = 0;
	char *end;

	for (;;) {
		snprintf(path, sizeof path, "%s%s/%s", root, group, name);
		n = least(n, bound_in(path, f));
		end = strrchr(group, '/');
		if (end == NULL)
			return n;
		*end = '\0';
	}
}

/* "4:cpu,memory:/path": is the controller's hierarchy of version 1 this one? */
static bool
has_controller(const char *all, const char *end, const char *name)
{
	const size_t n = strlen(name);

	for (const char *p = all; p < end; p += strcspn(p, ",:") + 1)
		if (strcspn(p, ",:") == n && strncmp(p, name, n) == 0)
			return true;
	return false;
}

/* A line of @self. */
static uint64_t
least_of_line(char *line, const char *root, const struct cgroup_file *f)
{
	char *controllers = strchr(line, ':');
	char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
	char v1[PATH_MAX];

	if (group == NULL)
		return 0;
	group[1 + strcspn(group + 1, "\n")] = '\0';
	if (strncmp(line, "0::", 3) == 0)
		return least_upwards(root, group + 1, f->name, f);
	if (f->name_v1 == NULL ||
	    !has_controller(controllers + 1, group, f->controller_v1))
		return 0;
	snprintf(v1, sizeof v1, "%s/%s", root, f->controller_v1);
	return least_upwards(v1, group + 1, f->name_v1, f);
}

uint64_t
cgroup_least(const char *self, const char *root, const struct cgroup_file *f)
{
	char line[PATH_MAX];
	FILE *file = fopen(self, "re");
	uint64_t n = 0;

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof line, file) != NULL)
		n = least(n, least_of_line(line, root, f));
	fclose(file);
	return n;
}
