/* SPDX-License-Identifier: Apache-2.0 */
/* group: which bound of memory counts, of all groups that we are in. */
#include "emqxd/limit/group.h"
#include "tests/unit/tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[] = "/tmp/group-XXXXXX";
static char self[64];

static const char *
path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof path, "%s/%s", root, name);
	return path;
}

static void
put(const char *name, const char *text)
{
	FILE *f = fopen(path_of(name), "w");

	OK(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static const char *const folders[] = { "a", "a/b", "memory", "memory/c" };
static const char *const files[] = { "self", "memory.max", "a/memory.max",
	"a/b/memory.max", "memory/memory.limit_in_bytes",
	"memory/c/memory.limit_in_bytes" };

static void
begin(void)
{
	if (self[0] != '\0')
		return;
	OK(mkdtemp(root) != NULL);
	snprintf(self, sizeof self, "%s/self", root);
	for (unsigned i = 0; i < sizeof folders / sizeof *folders; i++)
		OK(mkdir(path_of(folders[i]), 0700) == 0);
}

TEST(the_units_own_bound_counts_when_it_is_the_least)
{
	begin();
	put("self", "9:name=systemd:/\n0::/a/b\n");
	put("memory.max", "max\n");
	put("a/memory.max", "5000000\n");
	put("a/b/memory.max", "4000000\n");
	EQ(group_memory(self, root), 4000000);
}

TEST(a_bound_above_counts_when_it_is_less)
{
	begin();
	put("self", "0::/a/b\n");
	put("a/memory.max", "3000000\n");
	put("a/b/memory.max", "max\n");
	EQ(group_memory(self, root), 3000000);
	put("memory.max", "2000000\n");
	EQ(group_memory(self, root), 2000000);
}

TEST(a_path_of_the_host_leads_to_the_containers_root)
{
	begin();
	put("self", "0::/nothing/here\n");
	put("memory.max", "7000000\n");
	EQ(group_memory(self, root), 7000000);
}

TEST(version_1_names_its_controllers)
{
	begin();
	put("memory/memory.limit_in_bytes", "9223372036854771712\n");
	put("memory/c/memory.limit_in_bytes", "6000000\n");
	put("self", "3:cpu,cpuacct:/a\n4:blkio,memory:/c\n");
	EQ(group_memory(self, root), 6000000);
	put("self", "5:hugememory:/c\n");
	EQ(group_memory(self, root), 0);
}

TEST(no_file_is_no_bound)
{
	begin();
	EQ(group_memory("/nonexistent", root), 0);
	for (unsigned i = 0; i < sizeof files / sizeof *files; i++)
		unlink(path_of(files[i]));
	for (unsigned i = sizeof folders / sizeof *folders; i > 0; i--)
		rmdir(path_of(folders[i - 1]));
	OK(rmdir(root) == 0);
}
