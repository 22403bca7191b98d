/* SPDX-License-Identifier: Apache-2.0 */
/* seek: see seek.h. */
#include "emqxd/discover/seek.h"
#include "emqxd/core/log.h"
#include "ipc/base/mem.h"

#include <string.h>

#define SEEK_MAGIC 0x5eecb01fu

struct seek {
	uint32_t magic;
	struct seek_ops ops;
	struct discover *discover;
	struct discover_addr me;
	struct discover_list list; /* of the round that is gone through */
	unsigned at;               /* the address that is looked at */
	bool is_lowest_there;      /* it answered, and is alone */
	bool is_looking;           /* a look or a join is under way */
	bool is_settled;           /* the list may found a cluster */
	bool is_watching;          /* as a member: only looks */
	bool is_waiting;           /* for the lowest, or for the others */
	bool is_waiting_told;
	bool is_static;
	bool is_paused;
	bool is_over; /* its owner has gone; freed when what is under way ends */
};

static void look_at_next(struct seek *s);

static bool
is_me(const struct seek *s, const struct discover_addr *a)
{
	return a->is_me || discover_addr_cmp(a, &s->me) == 0;
}

/* True: whatever was under way is the last. */
static bool
is_past(struct seek *s)
{
	s->is_looking = false;
	if (!s->is_over)
		return s->is_watching ? !s->ops.is_member()
				      : s->is_paused || s->ops.is_member();
	mem_free(s);
	return true;
}

static void
on_joined(void *arg, em_err err, unsigned members)
{
	struct seek *s = arg;

	CHECK_OBJ(s, SEEK_MAGIC);
	if (err == EM_OK && !s->is_over)
		LOG(INFO, "cluster_found", "members", members);
	(void)is_past(s); /* who failed waits for the next round */
}

static void
join(struct seek *s, const struct discover_addr *a)
{
	char target[DISCOVER_TEXT_MAX];

	s->is_looking = true;
	s->ops.join(discover_addr_print(a, target), false, on_joined, s);
}

static void
on_looked(void *arg, em_err err, unsigned members)
{
	struct seek *s = arg;
	unsigned at;

	CHECK_OBJ(s, SEEK_MAGIC);
	if (is_past(s))
		return;
	at = s->at++;
	if (err == EM_OK && members > 1 && !s->is_watching) {
		join(s, &s->list.item[at]);
		return;
	}
	if (err == EM_OK && at == 0)
		s->is_lowest_there = true;
	look_at_next(s);
}

const char *
seek_waits_for(const struct seek *s, char buf[DISCOVER_TEXT_MAX])
{
	if (s == NULL || !s->is_waiting || s->list.n == 0)
		return NULL;
	if (!is_me(s, &s->list.item[0]))
		return discover_addr_print(&s->list.item[0], buf);
	return "others to join this node";
}

/* Nobody is a cluster, and the one that would found it did not answer, or is this node. */
static void
say_waiting(struct seek *s)
{
	char text[DISCOVER_TEXT_MAX];

	s->is_waiting = true;
	if (s->is_waiting_told || s->list.n == 0)
		return;
	s->is_waiting_told = true;
	LOG(INFO, "cluster_waits", "for", seek_waits_for(s, text));
}

static bool
is_to_pass(const struct seek *s, const struct discover_addr *a)
{
	char text[DISCOVER_TEXT_MAX];

	return is_me(s, a) ||
	       (s->is_watching &&
		   s->ops.is_ours(strchr(discover_addr_print(a, text), '@') + 1));
}

static void
look_at_next(struct seek *s)
{
	char target[DISCOVER_TEXT_MAX];

	while (s->at < s->list.n && is_to_pass(s, &s->list.item[s->at]))
		s->at++;
	if (s->at < s->list.n) {
		s->is_looking = true;
		s->ops.join(discover_addr_print(&s->list.item[s->at], target), true,
		    on_looked, s);
	} else if (s->is_watching) {
		s->ops.on_pass(true);
	} else if (s->is_lowest_there) {
		if (s->is_settled)
			join(s, &s->list.item[0]);
	} else {
		say_waiting(s);
	}
}

static void
on_found(void *arg, const struct discover_list *list, unsigned unchanged)
{
	struct seek *s = arg;

	CHECK_OBJ(s, SEEK_MAGIC);
	if (s->is_looking)
		return;
	s->is_watching = s->ops.is_member();
	if (s->is_paused && !s->is_watching)
		return;
	if (s->is_watching)
		s->ops.on_pass(false);
	s->list = *list;
	s->at = 0;
	s->is_settled = s->is_static || unchanged > 0;
	s->is_waiting = false;
	s->is_lowest_there = false;
	look_at_next(s);
}

struct seek *
seek_start(const struct discover_conf *conf, const struct seek_ops *ops)
{
	struct seek *s = MEM_NEW(struct seek);

	CHECK(ops->is_member != NULL && ops->join != NULL);
	*s = (struct seek){ .magic = SEEK_MAGIC,
		.ops = *ops,
		.me = conf->me,
		.is_static = conf->strategy == DISCOVER_STATIC };
	s->discover = discover_start(conf, on_found, s);
	if (s->discover == NULL)
		MEM_FREE(s);
	return s;
}

void
seek_stop(struct seek **sp)
{
	struct seek *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	CHECK_OBJ(s, SEEK_MAGIC);
	discover_stop(&s->discover);
	s->is_over = true;
	if (!s->is_looking)
		mem_free(s);
}

void
seek_pause(struct seek *s)
{
	if (s != NULL)
		s->is_paused = true;
}

bool
seek_resume(struct seek *s)
{
	if (s == NULL)
		return false;
	s->is_paused = false;
	discover_again(s->discover);
	return true;
}

bool
seek_is_paused(const struct seek *s)
{
	return s != NULL && s->is_paused;
}

struct discover_status
seek_status(const struct seek *s)
{
	return discover_status_get(s != NULL ? s->discover : NULL);
}
