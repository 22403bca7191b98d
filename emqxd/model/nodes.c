/* SPDX-License-Identifier: Apache-2.0 */
/* nodes: see nodes.h. */
#include "emqxd/model/nodes.h"
#include "emqxd/core/level.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/worker.h"
#include "ipc/base/check.h"
#include "ipc/base/mem.h"

#include <stdatomic.h>
#include <string.h>

struct member {
	uint64_t site;
	_Atomic bool is_running, is_member;
	_Atomic(char *) version; /* or NULL */
	char name[];
};

struct nodes {
	_Atomic(struct member *) at[NODES_MAX];
	_Atomic unsigned count, end, level;
};

static struct nodes *
nodes(void)
{
	struct nodes *all = node_slot(ROOM_NODES);

	CHECK(all != NULL);
	return all;
}

static struct member *
member_at(unsigned place)
{
	CHECK(place < NODES_MAX);
	return atomic_load_explicit(&nodes()->at[place], memory_order_acquire);
}

static size_t
size_of(const struct member *m)
{
	return sizeof *m + strlen(m->name) + 1;
}

static void
enter(unsigned place, struct slice name, uint64_t site)
{
	struct nodes *all = nodes();
	struct member *m = mem_new(sizeof *m + name.n + 1);

	m->site = site;
	m->is_member = true;
	memcpy(m->name, name.p, name.n);
	m->name[name.n] = '\0';
	atomic_store_explicit(&all->at[place], m, memory_order_release);
	atomic_fetch_add_explicit(&all->count, 1, memory_order_relaxed);
	if (place >= atomic_load_explicit(&all->end, memory_order_relaxed))
		atomic_store_explicit(&all->end, place + 1, memory_order_release);
}

void
nodes_birth(const char *name, uint64_t site)
{
	CHECK(node_slot(ROOM_NODES) == NULL);
	node_slot_set(ROOM_NODES, MEM_NEW(struct nodes));
	nodes_set_level(LEVEL_MAX);
	enter(0, slice_str(name), site);
	nodes_set_running(0, true);
}

void
nodes_death(void)
{
	struct nodes *all = nodes();

	for (unsigned i = 0; i < NODES_MAX; i++) {
		if (member_at(i) != NULL)
			mem_free(member_at(i)->version);
		mem_free(member_at(i));
	}
	node_slot_set(ROOM_NODES, NULL);
	mem_free(all);
}

const char *
nodes_me(void)
{
	return member_at(0)->name;
}

uint64_t
nodes_site(void)
{
	return member_at(0)->site;
}

unsigned
nodes_count(void)
{
	return atomic_load_explicit(&nodes()->count, memory_order_relaxed);
}

unsigned
nodes_end(void)
{
	return atomic_load_explicit(&nodes()->end, memory_order_acquire);
}

const char *
nodes_name(unsigned place)
{
	const struct member *m = member_at(place);

	return m != NULL ? m->name : NULL;
}

uint64_t
nodes_site_of(unsigned place)
{
	const struct member *m = member_at(place);

	return m != NULL ? m->site : 0;
}

bool
nodes_is_running(unsigned place)
{
	const struct member *m = member_at(place);

	return m != NULL && atomic_load_explicit(&m->is_running, memory_order_relaxed);
}

bool
nodes_is_member(unsigned place)
{
	const struct member *m = member_at(place);

	return m != NULL && atomic_load_explicit(&m->is_member, memory_order_relaxed);
}

const char *
nodes_version(unsigned place)
{
	const struct member *m = member_at(place);
	const char *v =
	    m != NULL ? atomic_load_explicit(&m->version, memory_order_acquire) : NULL;

	return v != NULL ? v : "";
}

unsigned
nodes_find(struct slice name)
{
	unsigned end = nodes_end();

	for (unsigned i = 0; i < end; i++) {
		const char *at = nodes_name(i);

		if (at != NULL && slice_eq(slice_str(at), name))
			return i;
	}
	return NODES_MAX;
}

unsigned
nodes_level(void)
{
	return atomic_load_explicit(&nodes()->level, memory_order_relaxed);
}

void
nodes_set_level(unsigned level)
{
	atomic_store_explicit(&nodes()->level, level, memory_order_relaxed);
}

em_err
nodes_add(struct slice name, uint64_t site, unsigned *place)
{
	CHECK(name.n > 0 && name.n <= NODES_NAME_MAX);
	*place = NODES_MAX;
	if (nodes_find(name) < NODES_MAX)
		return EM_EXISTS;
	for (unsigned i = 1; i < NODES_MAX; i++) {
		if (member_at(i) != NULL)
			continue;
		enter(i, name, site);
		*place = i;
		return EM_OK;
	}
	return EM_FULL;
}

static void
retired(void *p, size_t n)
{
	(void)n;
	mem_free(p);
}

static void
set_version(struct member *m, char *version)
{
	char *before =
	    atomic_exchange_explicit(&m->version, version, memory_order_acq_rel);

	if (before != NULL)
		qsbr_retire(before, strlen(before) + 1, retired);
}

void
nodes_del(unsigned place)
{
	struct nodes *all = nodes();
	struct member *m = member_at(place);

	CHECK(place > 0 && m != NULL);
	atomic_store_explicit(&all->at[place], NULL, memory_order_release);
	atomic_fetch_sub_explicit(&all->count, 1, memory_order_relaxed);
	set_version(m, NULL);
	qsbr_retire(m, size_of(m), retired);
}

void
nodes_set_running(unsigned place, bool is_running)
{
	struct member *m = member_at(place);

	CHECK(m != NULL);
	atomic_store_explicit(&m->is_running, is_running, memory_order_relaxed);
}

void
nodes_set_member(unsigned place, bool is_member)
{
	struct member *m = member_at(place);

	CHECK(m != NULL);
	atomic_store_explicit(&m->is_member, is_member, memory_order_relaxed);
}

void
nodes_set_version(unsigned place, struct slice version)
{
	struct member *m = member_at(place);

	CHECK(m != NULL);
	if (!slice_eq_str(version, nodes_version(place)))
		set_version(m, mem_dup(version.p, version.n));
}
