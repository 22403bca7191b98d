/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm: what the process takes of the machine.  Names are EMQX's where a process
 * written in C has such a thing.
 */
#include "ipc/base/num.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/slab.h"
#include "emqxd/core/worker.h"
#include "emqxd/limit/limit.h"
#include "emqxd/net/listener.h"
#include "emqxd/admin/op.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void
figure(struct op_ctx *op, const char *name, double value, const char *help)
{
	struct row_writer *row = op_row(op);

	row_str(row, "name", name);
	row_number(row, "value", value);
	row_str(row, "help", help);
	op_row_end(op);
}

static void
whole(struct op_ctx *op, const char *name, uint64_t value, const char *help)
{
	struct row_writer *row = op_row(op);

	row_str(row, "name", name);
	row_int(row, "value", value > INT64_MAX ? INT64_MAX : (int64_t)value);
	row_str(row, "help", help);
	op_row_end(op);
}

static void
give_load(struct op_ctx *op)
{
	double load[3] = { 0 };

	(void)getloadavg(load, 3);
	figure(op, "cpu/load1", load[0], "load average of the machine, 1 minute");
	figure(op, "cpu/load5", load[1], "5 minutes");
	figure(op, "cpu/load15", load[2], "15 minutes");
}

/* A line "Name:  123 kB" of /proc/self/status; 0 when it is not there. */
static uint64_t
of_status(const char *name)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	uint64_t value = 0;
	size_t n = strlen(name);

	while (file != NULL && fgets(line, sizeof line, file) != NULL)
		if (strncmp(line, name, n) == 0 && line[n] == ':')
			value = strtoull(line + n + 1, NULL, 10);
	if (file != NULL)
		fclose(file);
	return value;
}

static void
give_memory(struct op_ctx *op)
{
	uint64_t held, used, resident, max;

	slab_usage(&held, &used);
	whole(op, "memory/total", of_status("VmRSS") * 1024, "resident bytes");
	whole(op, "memory/peak", of_status("VmHWM") * 1024, "most resident bytes ever");
	whole(op, "memory/system", of_status("VmSize") * 1024, "address space");
	limit_memory(&resident, &max);
	whole(op, "memory/limit", max,
	    "node.memory_limit: from there on new work is refused");
	whole(op, "memory/slab_held", held, "taken from the system for small objects");
	whole(op, "memory/slab_used", used, "of it in use");
	whole(op, "memory/to_be_freed", qsbr_waiting(),
	    "removed, until no thread can read it any more");
}

static span_t
longest_turn(void)
{
	span_t longest = span_ns(0);

	for (unsigned i = 0; i < worker_count(); i++)
		if (loop_turn_max(worker_get(i)->loop).ns > longest.ns)
			longest = loop_turn_max(worker_get(i)->loop);
	return longest;
}

static void
give_process(struct op_ctx *op)
{
	whole(op, "process/count", of_status("Threads"), "threads");
	whole(op, "process/workers", worker_count(), "threads that serve clients");
	figure(op, "process/longest_turn_ms", (double)longest_turn().ns / 1e6,
	    "longest turn of a worker so far");
}

/* The size of the folder where the kernel tells it (6.2 and later), else by reading. */
static uint64_t
open_files(void)
{
	struct stat st;
	uint64_t n = 0;
	DIR *dir;

	if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
		return (uint64_t)st.st_size;
	dir = opendir("/proc/self/fd");
	if (dir == NULL)
		return 0;
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n - 3; /* . and .. and the reading itself */
}

static uint64_t
limit_of_files(void)
{
	struct rlimit limit = { 0 };

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur;
}

static void
give_io(struct op_ctx *op)
{
	whole(op, "io/max_fds", limit_of_files(), "most descriptors it may have");
	whole(op, "io/active_fds", open_files(), "descriptors that are open");
}

static void
give_ports(struct op_ctx *op)
{
	struct listener_info info;
	uint64_t n = 0;

	for (unsigned i = 0; listener_at(i) != NULL; i++) {
		listener_info(listener_at(i), &info);
		n += info.current;
	}
	whole(op, "ports/count", n, "connections of all listeners");
	whole(op, "ports/limit", limit_of_files(), "most that the descriptors allow");
}

static em_err
vm_call(struct op_ctx *op)
{
	static void (*const give[])(struct op_ctx *) = { give_load, give_memory,
		give_process, give_io, give_ports };
	/* "all", then one word a group, in that order. */
	int64_t group = params_int(op->params, "group", 0);

	for (int64_t i = 0; i < (int64_t)(sizeof give / sizeof give[0]); i++)
		if (group == 0 || group == i + 1)
			give[i](op);
	return EM_OK;
}

const struct op op_VM = { .where = OP_ADMIN, .keeps_order = true, .call = vm_call };
