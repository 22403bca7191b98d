/* SPDX-License-Identifier: Apache-2.0 */
/*
 * license_join: two nodes with licences meet.  The one that joins takes the cluster's.  So
 * that this is a row that it gets, the node that begins a cluster gives it what is only
 * configured there.  And for other threads: the text of the one in force.
 */
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/worker.h"
#include "emqxd/license/inside.h"
#include "emqxd/model/nodes.h"
#include "emqxd/store/change.h"
#include "ipc/base/mem.h"

#include <inttypes.h>

/* ---- the text, for any thread */

struct license_shown {
	size_t n;
	uint8_t bytes[];
};

static void
free_text(void *p, size_t n)
{
	(void)n;
	mem_free(p);
}

void
license_text_show(struct license *l)
{
	struct slice s =
	    l->current.key != NULL ? license_key_text(l->current.key) : SLICE_NONE;
	struct license_shown *now = mem_new(sizeof *now + s.n), *before;

	now->n = s.n;
	if (s.n > 0)
		memcpy(now->bytes, s.p, s.n);
	before = atomic_exchange(&l->text, now);
	if (before != NULL)
		qsbr_retire(before, sizeof *before + before->n, free_text);
}

void
license_text_death(struct license *l)
{
	mem_free(atomic_exchange(&l->text, NULL));
}

size_t
license_text(uint8_t buf[LICENSE_KEY_MAX])
{
	struct license *l = license_self();
	const struct license_shown *t = l != NULL ? atomic_load(&l->text) : NULL;

	if (t == NULL)
		return 0;
	CHECK(t->n <= LICENSE_KEY_MAX);
	memcpy(buf, t->bytes, t->n);
	return t->n;
}

/* ---- giving it to all */

static void
send_configured(const struct license *l)
{
	struct str by = { 0 };
	struct license_row row = { .at = l->configured.at.ns > 0 ? l->configured.at
								 : clock_wall(),
		.text = license_key_text(l->configured.key) };
	struct change *c;
	uint8_t *blob;

	str_addf(&by, "the configuration of %s", nodes_me());
	row.by = str_slice(&by);
	c = change_put(CHANGE_LICENSE, LICENSE_ROW_KEY, license_row_size(&row), &blob);
	if (c != NULL) {
		license_row_write(&row, blob);
		change_send(&c, NULL, NULL);
		LOG(INFO, "license_shared", "customer", l->configured.key->customer);
	}
	str_fini(&by);
}

static void
on_share(struct letter *letter)
{
	const struct license *l = license_self();

	if (l != NULL && l->configured.key != NULL && l->stored.at.ns == 0 &&
	    !l->stored_is_bad)
		send_configured(l);
	mem_free(letter);
}

void
license_share(void)
{
	struct letter *letter = MEM_NEW(struct letter);

	letter->open = on_share;
	worker_post(worker_admin(), letter);
}

/* ---- what an operator is told */

void
license_own_take(struct license_own *o)
{
	const struct license *l = license_self();

	if (l->current.key != NULL)
		str_add_slice(&o->text, license_key_text(l->current.key));
	o->is_configured = l->current.by == NULL;
}

void
license_own_fini(struct license_own *o)
{
	str_fini(&o->text);
}

/* "customer 'A B', 1000 sessions" */
static void
name(struct slice text, struct str *out)
{
	struct license_key *key = NULL;
	struct fault f = { .err = EM_OK };

	if (license_key_read(text, &key, &f) == EM_OK) {
		str_add(out, "customer '");
		str_add_escaped(out, key->customer);
		str_addf(out, "', %" PRIu64 " sessions", key->max_sessions);
	} else {
		str_add(out, "one that this node cannot read");
	}
	license_key_free(&key);
	fault_clear(&f);
}

static void
add_named(struct str *out, const char *what, struct slice text)
{
	str_addf(out, "%s (", what);
	name(text, out);
	str_add(out, ")");
}

/* Would it be in force here? */
static void
add_doubt(struct slice theirs, struct str *out)
{
	struct license_key *key = NULL;
	struct fault f = { .err = EM_OK };

	if (license_key_parse(theirs, str_slice(&license_self()->public_key), &key, &f) !=
	    EM_OK)
		str_addf(out, ", but this node does not accept it: %s", f.text);
	license_key_free(&key);
	fault_clear(&f);
}

void
license_own_meets(const struct license_own *o, struct slice theirs, struct str *out)
{
	struct slice own = str_slice(&o->text);

	if (own.n == 0 && theirs.n == 0)
		return;
	if (slice_eq(own, theirs)) {
		str_add(out, "the licences are the same");
	} else if (theirs.n == 0) {
		add_named(out, "the cluster has no licence; this node's", own);
		str_add(out,
		    o->is_configured ? " is configured and stays, on it alone" : " goes");
	} else {
		add_named(out, "the cluster's licence", theirs);
		if (own.n > 0)
			add_named(out, " stands in place of this node's", own);
		else
			str_add(out, " is this node's too");
		add_doubt(theirs, out);
	}
}
