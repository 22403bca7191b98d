/* SPDX-License-Identifier: Apache-2.0 */
/* transport: see transport.h. */
#include "emqxd/cstore/transport.h"
#include "emqxd/cstore/cstore_raft.h"
#include "ipc/base/mem.h"
#include "ipc/base/rbuf.h"
#include "ipc/base/wbuf.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define PREFACE 24
#define MAGIC 0x45435331 /* "ECS1" */
#define DIAL_MAX span_s(10)
#define GUEST_MAX span_s(5)

struct dial { /* a connection that the parent was asked for */
	struct list_node node;
	uint32_t req;
	uint64_t id;
	struct raft_uv_connect *connect;
	raft_uv_connect_cb cb;
	mono_t until;
};

struct guest { /* one that came, until its preface is there */
	struct list_node node;
	struct transport *t;
	uv_poll_t poll;
	int fd; /* -1: given away, or closed */
	char name[CSTORE_NAME_MAX];
	uint8_t preface[PREFACE];
	size_t n;
	uint64_t id; /* not 0: it is whole */
	mono_t until;
};

struct stream {         /* libraft frees it as a uv_pipe_t */
	uv_pipe_t pipe; /* first */
	struct transport *owner;
};

static void
put_preface(uint8_t out[PREFACE], enum cstore_group group, uint64_t from, uint64_t to)
{
	struct wbuf w = wbuf_fixed(out, PREFACE);

	wbuf_u32(&w, MAGIC);
	wbuf_u32(&w, (uint32_t)group);
	wbuf_u64(&w, from);
	wbuf_u64(&w, to);
	CHECK(w.err == EM_OK && w.n == PREFACE);
}

/* The id of who sent it; 0: not meant for us. */
static uint64_t
read_preface(const struct transport *t, const uint8_t in[PREFACE])
{
	struct rbuf r = rbuf_of(slice_of(in, PREFACE));
	uint32_t magic = rbuf_u32(&r), group = rbuf_u32(&r);
	uint64_t from = rbuf_u64(&r), to = rbuf_u64(&r);

	if (magic != MAGIC || group != t->group || to != t->id)
		return 0;
	return cstore_raft_may_hear(t->child->group[t->group], from) ? from : 0;
}

/* Takes @fd. */
static struct uv_stream_s *
stream_of(struct transport *t, int fd)
{
	struct stream *s = raft_malloc(sizeof *s);

	CHECK(s != NULL);
	s->owner = t;
	if (uv_pipe_init(&t->child->loop, &s->pipe, 0) != 0 ||
	    uv_pipe_open(&s->pipe, fd) != 0)
		cstore_child_die(t->child, "libuv refuses a connection");
	return (struct uv_stream_s *)&s->pipe;
}

/* ---- the connections that we ask for */

static void
dial_over(struct transport *t, struct dial *d, struct uv_stream_s *stream, int status)
{
	list_del(&d->node);
	t->dials_n--;
	d->cb(d->connect, stream, status);
	mem_free(d);
}

static int
on_connect(struct raft_uv_transport *face, struct raft_uv_connect *req, raft_id id,
    const char *address, raft_uv_connect_cb cb)
{
	struct transport *t = face->impl;
	struct dial *d;

	if (t->is_held || t->is_closing || t->dials_n == TRANSPORT_WAITING_MAX)
		return RAFT_NOCONNECTION;
	d = MEM_NEW(struct dial);
	*d = (struct dial){ .req = ++t->child->dials,
		.id = id,
		.connect = req,
		.cb = cb,
		.until = mono_add(span_mono_now(), DIAL_MAX) };
	list_push(&t->dials, &d->node);
	t->dials_n++;
	cstore_child_send(t->child, &(struct cstore_frame){ .kind = CSTORE_DIAL,
					.group = t->group,
					.req = d->req,
					.id = id,
					.text = slice_str(address) });
	return 0;
}

bool
transport_answer(struct transport *t, uint32_t req, int fd)
{
	struct dial *d = NULL;
	uint8_t preface[PREFACE];

	LIST_EACH (node, &t->dials) {
		if (LIST_OWNER(node, struct dial, node)->req == req)
			d = LIST_OWNER(node, struct dial, node);
	}
	if (d == NULL)
		return false;
	put_preface(preface, t->group, t->id, d->id);
	if (fd >= 0 && (t->is_held || send(fd, preface, PREFACE,
					  MSG_NOSIGNAL | MSG_DONTWAIT) != PREFACE)) {
		close(fd);
		fd = -1;
	}
	if (fd < 0)
		dial_over(t, d, NULL, RAFT_NOCONNECTION);
	else
		dial_over(t, d, stream_of(t, fd), 0);
	return true;
}

/* ---- the connections that come */

static void
handle_gone(struct transport *t)
{
	if (--t->handles > 0 || t->on_closed == NULL)
		return;
	t->on_closed(t->face);
}

static void
on_guest_closed(uv_handle_t *h)
{
	struct guest *guest = h->data;
	struct transport *t = guest->t;

	if (guest->fd >= 0 && guest->id != 0 && !t->is_closing && !t->is_held)
		t->on_accept(t->face, guest->id, guest->name, stream_of(t, guest->fd));
	else if (guest->fd >= 0)
		close(guest->fd);
	mem_free(guest);
	handle_gone(t);
}

/* Out of the waiting ones: to libraft when its preface was good, else away. */
static void
guest_over(struct guest *guest)
{
	list_del(&guest->node);
	guest->t->guests_n--;
	uv_poll_stop(&guest->poll);
	uv_close((uv_handle_t *)&guest->poll, on_guest_closed);
}

static void
on_guest(uv_poll_t *poll, int status, int events)
{
	struct guest *guest = poll->data;
	ssize_t n;

	(void)events;
	n = status == 0 ? recv(guest->fd, guest->preface + guest->n, PREFACE - guest->n,
			      MSG_DONTWAIT)
			: 0;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		guest->n += (size_t)n;
		if (guest->n < PREFACE)
			return;
		guest->id = read_preface(guest->t, guest->preface);
	}
	guest_over(guest);
}

void
transport_accept(struct transport *t, const char *name, int fd)
{
	struct guest *guest;

	if (t->on_accept == NULL || t->is_held || t->is_closing ||
	    t->guests_n == TRANSPORT_WAITING_MAX) {
		close(fd);
		return;
	}
	guest = MEM_NEW(struct guest);
	guest->t = t;
	guest->fd = fd;
	guest->until = mono_add(span_mono_now(), GUEST_MAX);
	snprintf(guest->name, sizeof guest->name, "%s", name);
	guest->poll.data = guest;
	if (uv_poll_init(&t->child->loop, &guest->poll, fd) != 0 ||
	    uv_poll_start(&guest->poll, UV_READABLE, on_guest) != 0)
		cstore_child_die(t->child, "libuv refuses a connection");
	list_push(&t->guests, &guest->node);
	t->guests_n++;
	t->handles++;
}

/* ---- life */

static void
on_timer(uv_timer_t *timer)
{
	struct transport *t = timer->data;
	mono_t now = span_mono_now();

	LIST_EACH_SAFE (node, &t->dials) {
		struct dial *d = LIST_OWNER(node, struct dial, node);

		if (d->until.ns < now.ns)
			dial_over(t, d, NULL, RAFT_NOCONNECTION);
	}
	LIST_EACH_SAFE (node, &t->guests) {
		struct guest *guest = LIST_OWNER(node, struct guest, node);

		if (guest->until.ns < now.ns)
			guest_over(guest);
	}
}

static int
on_init(struct raft_uv_transport *face, raft_id id, const char *address)
{
	struct transport *t = face->impl;

	(void)address;
	t->id = id;
	uv_timer_init(&t->child->loop, &t->timer);
	t->timer.data = t;
	t->handles++;
	uv_timer_start(&t->timer, on_timer, 1000, 1000);
	return 0;
}

static int
on_listen(struct raft_uv_transport *face, raft_uv_accept_cb cb)
{
	struct transport *t = face->impl;

	t->on_accept = cb;
	return 0;
}

static void
on_timer_closed(uv_handle_t *h)
{
	handle_gone(h->data);
}

static void
on_close(struct raft_uv_transport *face, raft_uv_transport_close_cb cb)
{
	struct transport *t = face->impl;

	t->is_closing = true;
	t->on_closed = cb;
	LIST_EACH_SAFE (node, &t->dials) {
		dial_over(t, LIST_OWNER(node, struct dial, node), NULL, RAFT_CANCELED);
	}
	LIST_EACH_SAFE (node, &t->guests) {
		struct guest *guest = LIST_OWNER(node, struct guest, node);

		guest->id = 0;
		guest_over(guest);
	}
	uv_close((uv_handle_t *)&t->timer, on_timer_closed);
}

void
transport_init(struct transport *t, struct raft_uv_transport *face,
    struct cstore_child *child, enum cstore_group group)
{
	*t = (struct transport){ .child = child, .group = group, .face = face };
	list_init(&t->dials);
	list_init(&t->guests);
	*face = (struct raft_uv_transport){ .impl = t,
		.init = on_init,
		.listen = on_listen,
		.connect = on_connect,
		.close = on_close };
	raft_compat_transport(face);
}

/* Every pipe of the loop is a stream of ours. */
static void
cut(uv_handle_t *h, void *arg)
{
	uv_os_fd_t fd;

	if (h->type != UV_NAMED_PIPE || uv_is_closing(h) ||
	    ((struct stream *)h)->owner != arg || uv_fileno(h, &fd) != 0)
		return;
	shutdown(fd, SHUT_RDWR);
}

void
transport_hold(struct transport *t, bool is_held)
{
	if (t->is_held == is_held)
		return;
	t->is_held = is_held;
	if (is_held)
		uv_walk(&t->child->loop, cut, t);
}
