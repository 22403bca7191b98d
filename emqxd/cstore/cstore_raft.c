/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cstore_raft: see cstore_raft.h.
 *
 * libraft is closed only to be wiped, recovered or left; the process's end closes nothing.
 * Where libraft says that it cannot go on (a full disk, a broken log), the process ends and
 * is started again.
 */
#include "emqxd/cstore/cstore_raft.h"
#include "emqxd/cstore/cstore_log.h"
#include "ipc/base/hash.h"
#include "ipc/base/mem.h"
#include "ipc/base/str.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATUS_GAP span_ms(250)
#define CLOSE_MAX span_s(5)

struct proposal {
	struct raft_apply raft; /* first */
	struct cstore_raft *g;
	uint64_t token;
};

em_err
cstore_raft_err(int rv)
{
	switch (rv) {
	case 0: return EM_OK;
	case RAFT_NOMEM: return EM_NOMEM;
	case RAFT_NOTLEADER: return EM_REFUSED;
	case RAFT_CANTCHANGE:
	case RAFT_BUSY: return EM_BUSY;
	case RAFT_DUPLICATEID:
	case RAFT_DUPLICATEADDRESS:
	case RAFT_BADROLE: return EM_EXISTS;
	case RAFT_NOTFOUND:
	case RAFT_BADID: return EM_NOTFOUND;
	case RAFT_TOOBIG: return EM_TOOBIG;
	case RAFT_LEADERSHIPLOST:
	case RAFT_NOCONNECTION:
	case RAFT_SHUTDOWN:
	case RAFT_CANCELED: return EM_AGAIN;
	case RAFT_MALFORMED:
	case RAFT_CORRUPT: return EM_MALFORMED;
	case RAFT_IOERR:
	case RAFT_NOSPACE: return EM_IO;
	default: return EM_FAILED;
	}
}

int
cstore_raft_member(const struct cstore_raft *g, uint64_t id)
{
	for (unsigned i = 0; i < g->raft.configuration.n; i++) {
		if (g->raft.configuration.servers[i].id == id)
			return (int)i;
	}
	return -1;
}

bool
cstore_raft_may_hear(struct cstore_raft *g, uint64_t id)
{
	return raft_state(&g->raft) != RAFT_LEADER || cstore_raft_member(g, id) >= 0;
}

/* ---- closing */

static void
raft_free_group(struct cstore_raft *g)
{
	cstore_feed_fini(g);
	mem_free(g->folder);
	g->magic = 0;
	mem_free(g);
}

static void open_again(struct cstore_child *c, const struct cstore_raft *old);

static void
on_closed(struct raft *raft)
{
	struct cstore_raft *g = raft->data;
	struct cstore_child *c = g->child;

	CHECK_OBJ(g, CSTORE_RAFT_MAGIC);
	raft_uv_close(&g->io);
	c->group[g->group] = NULL;
	if (g->opens_again)
		open_again(c, g);
	else
		cstore_child_done(c, g->after_req, g->after_err, "%s", g->after_text);
	raft_free_group(g);
}

static void
close_now(struct cstore_raft *g)
{
	g->is_closing = true;
	g->closing_since = span_mono_now();
	cstore_feed_stop(g);
	raft_close(&g->raft, on_closed);
	cstore_member_stop(g);
	if (g->transfer_req != 0)
		cstore_child_done(g->child, g->transfer_req, EM_AGAIN,
		    "the group was closed meanwhile");
	g->transfer_req = 0;
}

void
cstore_raft_recover(struct cstore_raft *g, const struct cstore_frame *f)
{
	if (g->is_closing) {
		cstore_child_done(g->child, f->req, EM_STATE, "it is being closed");
		return;
	}
	if (cstore_wire_get_members(f->data, g->after_member, &g->after_members_n) !=
	    EM_OK) {
		cstore_child_done(g->child, f->req, EM_MALFORMED, "no members");
		return;
	}
	g->after_id = f->id;
	g->opens_again = true;
	g->after_req = f->req;
	close_now(g);
}

/* ---- opening */

static void
open_failed(struct cstore_raft *g, const char *what, int rv)
{
	const char *why = raft_errmsg(&g->raft);

	/* libraft has one code for a disk that refuses and for a file that is too short. */
	g->after_err =
	    strstr(why, "short read") != NULL ? EM_MALFORMED : cstore_raft_err(rv);
	if (g->after_err == EM_IO) /* a disk may be better the next time */
		cstore_child_die(g->child, "the log in %s cannot be %s: %s", g->folder,
		    what, *why != '\0' ? why : raft_strerror(rv));
	snprintf(g->after_text, sizeof g->after_text, "the log in %s cannot be %s: %s",
	    g->folder, what, *why != '\0' ? why : raft_strerror(rv));
	g->opens_again = false;
	close_now(g);
}

static int
set_members(struct cstore_raft *g, const struct cstore_member *members, unsigned n,
    int (*fn)(struct raft *r, const struct raft_configuration *conf))
{
	static const int roles[] = {
		[CSTORE_SPARE] = RAFT_SPARE,
		[CSTORE_STANDBY] = RAFT_STANDBY,
		[CSTORE_VOTER] = RAFT_VOTER,
	};
	struct raft_configuration conf;
	int rv = 0;

	raft_configuration_init(&conf);
	for (unsigned i = 0; rv == 0 && i < n; i++)
		rv = raft_configuration_add(
		    &conf, members[i].id, members[i].name, roles[members[i].role]);
	if (rv == 0)
		rv = fn(&g->raft, &conf);
	raft_configuration_close(&conf);
	return rv;
}

static void
configure(struct cstore_raft *g)
{
	const struct cstore_tune *t = &g->child->tune;

	raft_set_election_timeout(&g->raft, t->election_ms);
	raft_set_heartbeat_timeout(&g->raft, t->heartbeat_ms);
	raft_set_pre_vote(&g->raft, true);
	raft_set_snapshot_threshold(&g->raft, t->snapshot_entries);
	raft_set_snapshot_trailing(&g->raft, t->trailing);
	raft_uv_set_connect_retry_delay(&g->io, t->connect_retry_ms);
	raft_uv_set_segment_size(&g->io, t->segment_bytes);
	(void)raft_uv_set_snapshot_compression(&g->io, false);
}

/* What differs: how libraft finds its members. */
static bool
begin_members(struct cstore_raft *g, enum cstore_open_mode mode)
{
	struct cstore_member me = { .id = g->id, .role = CSTORE_VOTER };
	int rv;

	if (g->after_members_n > 0) {
		rv = set_members(g, g->after_member, g->after_members_n, raft_recover);
		if (rv != 0)
			open_failed(g, "recovered", rv);
		return rv == 0;
	}
	if (mode == CSTORE_JOIN)
		return true;
	memcpy(me.name, g->name, sizeof me.name);
	rv = set_members(g, &me, 1, raft_bootstrap);
	if (rv != 0 && rv != RAFT_CANTBOOTSTRAP)
		open_failed(g, "begun", rv);
	return rv == 0 || rv == RAFT_CANTBOOTSTRAP;
}

/* @g has child, group, name, id, after_req and perhaps members. */
static void
open_now(struct cstore_raft *g, enum cstore_open_mode mode, uint64_t applied)
{
	struct cstore_child *c = g->child;
	int rv;

	g->magic = CSTORE_RAFT_MAGIC;
	g->folder = cstore_log_path(c->folder, g->group);
	c->group[g->group] = g;
	if (mkdir(g->folder, 0700) != 0 && errno != EEXIST)
		cstore_child_die(c, "%s cannot be made: %s", g->folder, strerror(errno));
	transport_init(&g->transport, &g->uv_transport, c, g->group);
	rv = raft_uv_init(&g->io, &c->loop, g->folder, &g->uv_transport);
	if (rv != 0)
		cstore_child_die(c, "%s: %s", g->folder, g->io.errmsg);
	cstore_feed_birth(g, applied);
	cstore_write_birth(g);
	cstore_send_birth(g);
	rv = raft_init(&g->raft, &g->io, &g->fsm, g->id, g->name);
	if (rv != 0) {
		/* That is no disk that may be better the next time. */
		if (cstore_raft_err(rv) == EM_MALFORMED)
			cstore_child_done(c, g->after_req, EM_MALFORMED, "%s: %s",
			    g->folder, g->io.errmsg);
		cstore_child_die(c, "%s: %s", g->folder, g->io.errmsg);
	}
	g->raft.data = g;
	configure(g);
	if (!begin_members(g, mode))
		return;
	rv = raft_start(&g->raft);
	if (rv != 0) {
		open_failed(g, "read", rv);
		return;
	}
	g->is_started = true;
	cstore_child_done(c, g->after_req, EM_OK, "%s", "");
	g->after_req = 0;
	(void)!cstore_pipe_flush(&c->pipe); /* the next one may be this process's end */
}

void
cstore_raft_open(struct cstore_child *c, const struct cstore_frame *f)
{
	struct cstore_raft *g = MEM_NEW(struct cstore_raft);

	g->child = c;
	g->group = f->group;
	g->id = f->id;
	g->after_req = f->req;
	if (f->id == 0 || cstore_wire_name(f->text, g->name) != EM_OK ||
	    f->op > CSTORE_BOOTSTRAP ||
	    (f->kind == CSTORE_RECOVER &&
		cstore_wire_get_members(f->data, g->after_member, &g->after_members_n) !=
		    EM_OK)) {
		cstore_child_done(c, f->req, EM_USAGE, "a group cannot be opened so");
		mem_free(g);
		return;
	}
	open_now(g, (enum cstore_open_mode)f->op, f->index);
}

/* After it was closed to be recovered. */
static void
open_again(struct cstore_child *c, const struct cstore_raft *old)
{
	struct cstore_raft *g = MEM_NEW(struct cstore_raft);

	g->child = c;
	g->group = old->group;
	g->id = old->after_id;
	g->after_req = old->after_req;
	memcpy(g->name, old->name, sizeof g->name);
	memcpy(g->after_member, old->after_member, sizeof g->after_member);
	g->after_members_n = old->after_members_n;
	open_now(g, CSTORE_JOIN, old->feed.applied);
}

/* ---- proposals */

static void
leader_of(struct cstore_raft *g, uint64_t *id, const char **name)
{
	raft_id leader = 0;

	*name = NULL;
	raft_leader(&g->raft, &leader, name);
	*id = leader;
	if (*name == NULL || leader == 0) {
		*id = 0;
		*name = "";
	}
}

static void
decided(struct cstore_raft *g, uint64_t token, em_err err, uint64_t index)
{
	uint64_t id;
	const char *leader;

	leader_of(g, &id, &leader);
	cstore_child_send(
	    g->child, &(struct cstore_frame){ .kind = CSTORE_DECIDED,
			  .group = g->group,
			  .id = token,
			  .err = err,
			  .index = index,
			  .text = slice_head(slice_str(leader), CSTORE_NAME_MAX - 1) });
}

static void
on_applied(struct raft_apply *req, int status, void *result)
{
	struct proposal *p = (struct proposal *)req;

	(void)result;
	CHECK_OBJ(p->g, CSTORE_RAFT_MAGIC);
	decided(p->g, p->token, status == 0 ? EM_OK : EM_AGAIN,
	    status == 0 ? p->g->feed.command : 0);
	mem_free(p);
}

/* Why it cannot even be begun. */
static em_err
refusal(int rv)
{
	em_err err = cstore_raft_err(rv);

	if (err == EM_TOOBIG)
		return err;
	return err == EM_NOMEM || err == EM_IO ? EM_FULL : EM_REFUSED;
}

void
cstore_raft_propose(struct cstore_raft *g, const struct cstore_frame *f)
{
	struct raft_buffer buf;
	struct proposal *p;
	int rv;

	if (!g->is_started || g->is_closing || raft_state(&g->raft) != RAFT_LEADER) {
		decided(g, f->id, EM_REFUSED, 0);
		return;
	}
	if (cstore_feed_is_full(g) || !cstore_feed_wrap(f->data, &buf)) {
		decided(g, f->id, EM_FULL, 0);
		return;
	}
	p = MEM_NEW(struct proposal);
	p->g = g;
	p->token = f->id;
	rv = raft_apply(&g->raft, &p->raft, &buf, 1, on_applied);
	if (rv == 0)
		return;
	raft_free(buf.base);
	mem_free(p);
	decided(g, f->id, refusal(rv), 0);
}

/* ---- what the parent is told */

static enum cstore_state
state_of(struct cstore_raft *g)
{
	switch (raft_state(&g->raft)) {
	case RAFT_FOLLOWER: return CSTORE_FOLLOWER;
	case RAFT_CANDIDATE: return CSTORE_CANDIDATE;
	case RAFT_LEADER: return CSTORE_LEADER;
	default:
		cstore_child_die(g->child, "the log in %s cannot go on: %s", g->folder,
		    raft_errmsg(&g->raft));
	}
}

static void
on_first(struct raft_barrier *req, int status)
{
	(void)status;
	mem_free(req);
}

/* A new leader knows that entries of earlier terms are committed only when one of its own
 * term is: it does not wait for the first proposal. */
static void
commit_earlier(struct cstore_raft *g)
{
	struct raft_barrier *req = MEM_NEW(struct raft_barrier);

	if (raft_barrier(&g->raft, req, on_first) != 0)
		mem_free(req);
}

static void
tell_state(struct cstore_raft *g)
{
	enum cstore_state state = state_of(g);
	const char *leader;
	uint64_t id;

	leader_of(g, &id, &leader);
	if (state == g->said_state && g->raft.current_term == g->said_term &&
	    id == g->said_leader)
		return;
	if (state == CSTORE_LEADER)
		commit_earlier(g);
	g->said_state = state;
	g->said_term = g->raft.current_term;
	g->said_leader = id;
	g->said_at = (mono_t){ 0 };
	cstore_child_send(
	    g->child, &(struct cstore_frame){ .kind = CSTORE_SAY_STATE,
			  .group = g->group,
			  .op = (uint8_t)state,
			  .id = id,
			  .term = g->raft.current_term,
			  .text = slice_head(slice_str(leader), CSTORE_NAME_MAX - 1) });
}

static void
read_members(struct cstore_raft *g, struct cstore_status *s)
{
	static const enum cstore_role roles[] = {
		[RAFT_STANDBY] = CSTORE_STANDBY,
		[RAFT_VOTER] = CSTORE_VOTER,
		[RAFT_SPARE] = CSTORE_SPARE,
	};
	const struct raft_configuration *conf = &g->raft.configuration;
	bool leads = raft_state(&g->raft) == RAFT_LEADER;

	for (unsigned i = 0; i < conf->n && s->members_n < CSTORE_MEMBERS_MAX; i++) {
		struct cstore_member *m = &s->member[s->members_n];

		if (cstore_wire_name(slice_str(conf->servers[i].address), m->name) !=
		    EM_OK)
			continue;
		m->id = conf->servers[i].id;
		m->role = roles[conf->servers[i].role];
		m->match = leads ? raft_compat_match(&g->raft, i) : 0;
		s->members_n++;
	}
}

static void
tell_status(struct cstore_raft *g)
{
	struct cstore_status s = { .last = raft_last_index(&g->raft),
		.last_term = raft_compat_last_term(&g->raft),
		.commit = g->raft.commit_index,
		.given = g->feed.last_given,
		.waiting = g->feed.waiting.bytes,
		.snapshot = g->raft.log.snapshot.last_index };
	mono_t now = span_mono_now();
	struct wbuf w;
	uint64_t sum;
	bool is_new;

	if (g->said_at.ns != 0 && mono_since(now, g->said_at).ns < STATUS_GAP.ns)
		return;
	read_members(g, &s);
	w = wbuf_growing(CSTORE_ENTRY_MAX);
	cstore_wire_put_status(&w, &s);
	sum = hash_bytes(wbuf_slice(&w));
	is_new = g->said_at.ns == 0 || sum != g->said_sum;
	g->said_sum = sum;
	g->said_at = now;
	if (is_new)
		cstore_child_send(
		    g->child, &(struct cstore_frame){ .kind = CSTORE_SAY_STATUS,
				  .group = g->group,
				  .data = wbuf_slice(&w) });
	wbuf_fini(&w);
}

void
cstore_raft_look(struct cstore_raft *g)
{
	if (g->is_closing) {
		if (mono_since(span_mono_now(), g->closing_since).ns > CLOSE_MAX.ns)
			cstore_child_die(
			    g->child, "the log in %s does not close", g->folder);
		return;
	}
	if (!g->is_started)
		return;
	cstore_member_look(g);
	cstore_feed_look(g);
	cstore_send_look(g);
	tell_state(g);
	tell_status(g);
}
