/* SPDX-License-Identifier: Apache-2.0 */
/*
 * member: one node of the cluster as a row that all of them hold (CHANGE_MEMBER), and
 * the rule of who votes.  Pure; any thread.
 *
 * The row's key is the node's name.  Its blob, big-endian: version 1, site id, Raft id
 * (8 bytes each), when it joined (wall clock in ms, 8 bytes), then the address of its
 * cluster port as the others shall dial it ("host:port", 2 bytes of size before it); then
 * the highest level that it speaks (core/level.h) and its version (1 byte of size).  What
 * a later version appends is passed over.
 *
 * Version 2 of it is left by a member that was removed because it was stopped for long
 * (cluster.autoclean), in place of its row: the time is when.  So it can be told so when it
 * comes back.
 *
 * A site id is for life, a Raft id for one membership: who joins again, after a leave or
 * a repair, has another one, so that nothing that was promised to the old one counts.
 */
#ifndef MODEL_MEMBER_H
#define MODEL_MEMBER_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"
#include "ipc/base/span.h"
#include "ipc/base/str.h"
#include "ipc/base/wbuf.h"

#include <stdbool.h>

enum { MEMBER_ADDRESS_MAX = 128, MEMBER_PRODUCT_MAX = 32, MEMBER_VOTERS_MAX = 5 };

struct member {
	struct slice name, address;
	uint64_t site, raft_id; /* neither is 0 */
	wall_t joined;
	uint8_t level;        /* 0: not said */
	struct slice product; /* "0.6.0"; none: not said */
	bool is_cleaned;      /* it was a member; joined: until when */
};

void member_write(const struct member *m, struct wbuf *w);
/* Slices into @key and @blob.  EM_MALFORMED. */
EM_MUST_USE em_err member_read(struct slice key, struct slice blob, struct member *out);

/* May a node be called so?  Printable, 1 to NODES_NAME_MAX bytes. */
bool member_is_name(struct slice name);
/* Is that node meant by "NAME@HOST[:PORT]"?  Only what stands before the '@' is compared, if
 * there is one: its host may have several names; of a @name without an '@' all of it. */
bool member_is_called(struct slice name, struct slice target);
/* "NAME@HOST[:PORT]" or "HOST[:PORT]" -> "HOST:PORT", @port where there is none; an IPv6 host
 * has brackets when a port follows.  False, and @out as it was: it is none. */
bool member_place_of(struct slice target, unsigned port, struct str *out);
/* The same as member_is_name() for an address: MEMBER_ADDRESS_MAX. */
bool member_is_address(struct slice address);

/* What a node is in a Raft group. */
enum member_role {
	MEMBER_SPARE,   /* gets the log, counts for nothing */
	MEMBER_STANDBY, /* gets the log and may be made a voter */
	MEMBER_VOTER
};

struct member_seat {
	uint64_t raft_id;
	enum member_role role;
	bool is_running; /* the leader hears of it */
	bool is_member;  /* a row names it; else it is left over */
};

enum member_what { MEMBER_PROMOTE, MEMBER_DEMOTE, MEMBER_REMOVE };

struct member_change {
	uint64_t raft_id;
	enum member_what what;
};

/* The next change that brings a group to what it should be: nobody who is no member,
 * MEMBER_VOTERS_MAX voters at most, and as many as there are nodes that run.  A voter that
 * does not run gives its seat to one that does and has none.  False: all is well. */
bool member_next_change(
    const struct member_seat *seats, size_t n, struct member_change *out);

#endif
