/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link: connections between nodes, and what other rooms of the cluster do with them.
 *
 * What lives here: the cluster port, dialling and being dialled, who is let in (cookie,
 * cluster name, version, membership), frames and their bounds, requests and replies, the
 * heartbeat.  What does not: what frames mean (register a handler), who is a member
 * (cluster/join; it adds and deletes peers), Raft (the engine's bytes only pass through).
 *
 * Wire: TCP, or TLS 1.3 with certificates on both sides; a challenge of the cookie in both
 * directions, then who each is (link_hello.h); then frames: u32 length of what follows,
 * u8 kind (frame.def), body.  Each node dials each member, once for CTL and once for
 * DATA, and sends only on what it dialled; replies go back where the request came from.
 * So FIFO by peer and channel, and no order between channels.  A peer is reachable when
 * the CTL connections of both directions are up.
 *
 * Happy path: link_on() and link_on_peer() at birth, link_peer_add() for each member,
 * LINK_CTL_UP comes, link_send() and link_request().  Dialling goes on for ever, with
 * rests of 0.1 to 2 s; why it failed last stands in link_peer_info().
 *
 * A guest is a node that is no member (yet): one connection of the channel JOIN, on which
 * both sides send, ask and reply as on a CTL (and what is sent as DATA goes there too).
 *
 * To change what nodes say to each other, next year:
 *
 * A new frame, field of a hello, or command costs nothing: a frame that is not known is
 * passed over, one that is asked is answered EM_UNSUPPORTED, a fact of an unknown tag is
 * skipped, and bytes behind the known end of a body are not looked at.  So add a line to
 * frame.def, or append to a body; numbers and meanings that were given stay for ever.
 *
 * What an older node must not miss, or cannot skip, needs a level (core/level.h): another
 * body of a known frame, a new kind of rows (store/kind.def), another version of entries or
 * of a row.  Raise LEVEL_MAX, note here what it brought, and write the new thing only where
 * nodes_level() >= that level, or to one peer where link_peer_protocol() >= it; read both
 * forms.  The level rises by itself when the last member was upgraded, and never falls while
 * it has members; from then on older nodes are refused by name and version.  LEVEL_MIN is
 * raised when the old form is thrown away: the nodes of a cluster may then be no older than
 * the release that brought its successor.  tests/vers/overlay.sh holds an older, a newer and a
 * too new build against each other: give it the new thing to differ in.
 *
 *	level 1		all that there is
 *
 * All of it belongs to one house, which a thread owns: the link thread's in the daemon
 * (cluster.h).  Nothing here may be called on another thread.
 */
#ifndef LINK_LINK_H
#define LINK_LINK_H

#include "emqxd/model/nodes.h"
#include "ipc/base/err.h"
#include "ipc/base/slice.h"
#include "ipc/base/span.h"

#define LINK_FRAME_MAX (16u << 20) /* kind and body; what is larger goes in parts */
#define LINK_GROUP_MAX 16          /* bytes of a Raft group's name */
#define LINK_PRODUCT_MAX 32        /* bytes of "0.6.0" */
#define LINK_ADDRESS_MAX 128       /* bytes of "host:port" */
#define LINK_WHY_MAX 256
#define LINK_ASKS_MAX 1024 /* requests without an answer, a peer */

struct link_house;
struct link_peer;

enum link_channel { LINK_CTL, LINK_DATA, LINK_RAFT, LINK_JOIN, LINK_CHANNEL_N };
#define LINK_ON_CTL (1u << LINK_CTL)
#define LINK_ON_DATA (1u << LINK_DATA)
#define LINK_ON_JOIN (1u << LINK_JOIN)

enum link_kind {
#define FRAME(id_, number_, ...) LINK_##id_ = number_,
#include "emqxd/link/frame.def"
#undef FRAME
	LINK_KIND_N = 256
};
#define LINK_ASKED 128 /* kinds from here on have a reply */

/* "ping"; NULL: no such frame. */
const char *link_kind_name(unsigned kind);

/* ---- peers */

/* A member other than this node, by name and "host:port".  @site 0: not known yet, the
 * first that comes is taken; @place: of model/nodes.h.  Dialling begins at once.
 * EM_EXISTS: there is a peer of that name. */
EM_MUST_USE em_err link_peer_add(struct link_house *h, struct slice name,
    struct slice address, uint64_t site, unsigned place, struct link_peer **out);
/* Ends its connections (with their events; requests are answered EM_UNREACHABLE), those of
 * Raft too, and forgets it; the pointer is good until the end of the turn. */
void link_peer_del(struct link_peer **pp);
/* It is to be dialled elsewhere from the next time on. */
void link_peer_move(struct link_peer *p, struct slice address);
struct link_peer *link_peer_find(struct link_house *h, struct slice name);
/* The member at that place (model/nodes.h), or NULL. */
struct link_peer *link_peer_at(struct link_house *h, unsigned place);
/* Walks members: NULL gives the first, and comes behind the last. */
struct link_peer *link_peer_next(struct link_house *h, const struct link_peer *p);
const char *link_peer_name(const struct link_peer *p);
unsigned link_peer_place(const struct link_peer *p);
uint64_t link_peer_site(const struct link_peer *p);
/* The level that both speak (core/level.h); 0: never heard of. */
unsigned link_peer_protocol(const struct link_peer *p);
/* Start of that process, ns since the epoch; 0: never heard of.  Another number is another
 * life of the node: the connections of the former one are ended first. */
uint64_t link_peer_incarnation(const struct link_peer *p);
bool link_peer_is_guest(const struct link_peer *p);
bool link_peer_is_reachable(const struct link_peer *p);

struct link_peer_info {
	const char *name, *address;
	unsigned place;
	uint64_t site, incarnation;
	char product[LINK_PRODUCT_MAX + 1]; /* version of emqxd; "": never heard of */
	unsigned protocol;                  /* of the links, as agreed; 0: not yet */
	uint64_t table;                     /* hash of its commands */
	bool is_up_to[2], is_up_from[2];    /* CTL, DATA: dialled by us, by the peer */
	bool is_reachable;
	mono_t since; /* when it became so, or ceased to be; or was added */
	mono_t
	    heard; /* when it said anything last, were it a ping; 0: it has no way here */
	bool is_deaf;   /* it said that nothing arrives there; until it is reachable */
	bool has_clock; /* the next two are known */
	span_t rtt, offset;     /* round trip; its wall clock minus ours */
	em_err err;             /* why dialling failed last; EM_OK: it did not */
	char why[LINK_WHY_MAX]; /* the sentence for it, "" */
	uint64_t pending[2];    /* bytes that wait, CTL and DATA */
};
void link_peer_info(const struct link_peer *p, struct link_peer_info *out);

enum link_event {
	LINK_CTL_UP, /* we can send and ask: what the peer must know first goes now */
	LINK_CTL_DOWN,
	LINK_DATA_UP,
	LINK_DATA_DOWN,
	LINK_REACHABLE, /* both directions of CTL */
	LINK_UNREACHABLE,
	LINK_GUEST_GONE, /* a guest's connection ended: its pointer dies with this turn */
};
typedef void link_event_fn(struct link_peer *p, enum link_event event, void *arg);
/* In order of registering; at most 16. */
void link_on_peer(struct link_house *h, link_event_fn *fn, void *arg);

/* ---- sending */

/* A frame for the peer, written at the end of the turn.  EM_UNREACHABLE: the channel is
 * not up; EM_FULL: cluster.link.buffer bytes wait there; EM_NOMEM; EM_TOOBIG. */
EM_MUST_USE em_err link_send(struct link_peer *p, enum link_channel channel,
    enum link_kind kind, struct slice body);
/* The same, written by the caller: *out is room for @n bytes of body, to be filled before
 * anything else is sent. */
EM_MUST_USE em_err link_room(struct link_peer *p, enum link_channel channel,
    enum link_kind kind, size_t n, uint8_t **out);
/* Bytes that wait on that channel: 0 when it is not up. */
uint64_t link_pending(const struct link_peer *p, enum link_channel channel);

/* Who asked: kept by value, good until it is replied to, harmless when the asker is gone. */
struct link_ask {
	struct link_house *house;
	uint64_t conn;
	uint32_t number; /* 0: nobody, the frame was told */
};
/* @body is good for the call.  Of a kind that is asked, @ask must be replied to, once, now
 * or later. */
typedef void link_frame_fn(
    struct link_peer *from, struct link_ask ask, struct slice body, void *arg);
/* Who takes frames of this kind; one each. */
void link_on(struct link_house *h, enum link_kind kind, link_frame_fn *fn, void *arg);

/* @err EM_OK: the reply's body; else the other node's error, its body then a sentence that
 * may be empty; or of our own: EM_TIMEOUT, EM_UNREACHABLE (the connection ended),
 * EM_UNSUPPORTED (an older version there).  Called exactly once, unless link_request()
 * itself failed. */
typedef void link_reply_fn(struct link_peer *p, em_err err, struct slice body, void *arg);
/* Asks on CTL.  EM_FULL: also when LINK_ASKS_MAX wait for an answer. */
EM_MUST_USE em_err link_request(struct link_peer *p, enum link_kind kind,
    struct slice body, span_t timeout, link_reply_fn *on_reply, void *arg);
void link_reply(struct link_ask ask, em_err err, struct slice body);

/* Reads no more of what the peer sends on that channel until it is to go on: for whoever
 * cannot take more now.  Its sender sees its own buffer fill.  CTL is never held: its
 * heartbeat would stop. */
void link_hold(struct link_peer *p, bool is_held);

/* ---- guests */

/* The guest, or NULL and why (@f is good for the call).  Exactly once, not before the
 * return. */
typedef void link_guest_fn(struct link_peer *guest, const struct fault *f, void *arg);
/* Dials a node that may be no member, for at most 5 s. */
void link_guest_open(
    struct link_house *h, struct slice address, link_guest_fn *fn, void *arg);
/* Ends its connection, without an event; what was sent last still goes out if the socket
 * takes it. */
void link_guest_close(struct link_peer **pp);

/* ---- Raft's bytes */

/* @fd is one end of a socketpair, the callee's; -1 and @err when there is none.  Exactly
 * once, not before the return. */
typedef void link_raft_fn(em_err err, int fd, void *arg);
/* A stream to that member for that group. */
void link_raft_connect(struct link_house *h, struct slice name, struct slice group,
    link_raft_fn *fn, void *arg);
/* A member has opened one to us.  The fd is the callee's. */
typedef void link_raft_accept_fn(
    struct link_peer *from, struct slice group, int fd, void *arg);
void link_on_raft(struct link_house *h, link_raft_accept_fn *fn, void *arg);

/* ---- the house */

struct link_tls;

struct link_house_conf {
	const char *name;      /* of this node */
	const char *cluster;   /* cluster.name */
	const char *cookie;    /* node.cookie */
	const char *product;   /* "0.6.0" */
	const char *advertise; /* "host:port" at which others reach it */
	uint64_t site, incarnation, table;
	size_t buffer;        /* cluster.link.buffer: bytes a peer and channel */
	struct link_tls *tls; /* NULL: none; the house's from here on */
	int door;             /* a socket that listens, or -1; the house's from here on */
};

/* On the thread that owns it, whose loop it hangs on: the loop must not turn after the
 * house is freed. */
struct link_house *link_house_new(const struct link_house_conf *conf);
/* Who does not speak this level is not let in from now on, and told so; connections that
 * stand go on. */
void link_house_set_level(struct link_house *h, unsigned level);
/* Ends all connections and peers, with their events. */
void link_house_stop(struct link_house *h);
void link_house_free(struct link_house **hp);

#endif
