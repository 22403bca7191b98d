/* SPDX-License-Identifier: Apache-2.0 */
/* Frames: cut at every byte they come out the same; what is too large or unknown ends. */
#include "ipc/frame.h"
#include "ipc/base/rand.h"
#include "tests/unit/tap.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static void
put(struct wbuf *w, ipc_frame_kind kind, uint32_t id, struct slice body)
{
	size_t at = ipc_frame_begin(w, kind, id);

	wbuf_bytes(w, body);
	ipc_frame_end(w, at);
}

static struct wbuf
three_frames(void)
{
	struct wbuf w = wbuf_growing(1 << 20);

	put(&w, FRAME_HELLO, 0, SLICE_LIT("hello"));
	put(&w, FRAME_CANCEL, 0xfffffffe, SLICE_NONE);
	put(&w, FRAME_ROW, 7, SLICE_LIT("row"));
	return w;
}

/* Takes what is there and checks it against three_frames(); returns how many came by now. */
static unsigned
take_three(struct ipc_frame_reader *r, unsigned seen)
{
	static const struct {
		ipc_frame_kind kind;
		uint32_t id;
		const char *body;
	} want[] = { { FRAME_HELLO, 0, "hello" }, { FRAME_CANCEL, 0xfffffffe, "" },
		{ FRAME_ROW, 7, "row" } };
	struct ipc_frame f;

	while (ipc_frame_next(r, &f) == EM_OK) {
		OK(seen < 3);
		EQ(f.kind, want[seen].kind);
		EQ(f.id, want[seen].id);
		OK(slice_eq_str(f.body, want[seen].body));
		seen++;
	}
	return seen;
}

TEST(frames_cut_at_each_byte_come_out_the_same)
{
	struct wbuf w = three_frames();

	for (size_t cut = 0; cut <= w.n; cut++) {
		struct ipc_frame_reader r;
		unsigned seen;

		ipc_frame_reader_init(&r, 100);
		ipc_frame_feed(&r, slice_head(wbuf_slice(&w), cut));
		seen = take_three(&r, 0);
		ipc_frame_feed(&r, slice_from(wbuf_slice(&w), cut));
		EQ(take_three(&r, seen), 3);
		EQ(r.err, EM_OK);
		ipc_frame_reader_fini(&r);
	}
	wbuf_fini(&w);
}

TEST(frames_fed_byte_by_byte_come_out_the_same)
{
	struct wbuf w = three_frames();
	struct ipc_frame_reader r;
	unsigned seen = 0;

	ipc_frame_reader_init(&r, 100);
	for (size_t i = 0; i < w.n; i++) {
		ipc_frame_feed(&r, slice_of(w.p + i, 1));
		seen = take_three(&r, seen);
	}
	EQ(seen, 3);
	ipc_frame_reader_fini(&r);
	wbuf_fini(&w);
}

static em_err
verdict(const char *bytes, size_t n, size_t max)
{
	struct ipc_frame_reader r;
	struct ipc_frame f;
	em_err err;

	ipc_frame_reader_init(&r, max);
	ipc_frame_feed(&r, slice_of(bytes, n));
	err = ipc_frame_next(&r, &f);
	if (err != EM_OK && err != EM_AGAIN)
		EQ(ipc_frame_next(&r, &f), err); /* it stays */
	ipc_frame_reader_fini(&r);
	return err;
}

TEST(huge_lengths_and_unknown_kinds_are_refused_from_the_head)
{
	EQ(verdict("\xff\xff\xff\xff\x01\0\0\0\0", 9, IPC_FRAME_MAX), EM_TOOBIG);
	EQ(verdict("\0\1\0\1\2\0\0\0\0", 9, IPC_FRAME_REQ_MAX), EM_TOOBIG);
	EQ(verdict("\0\1\0\0\2\0\0\0\0", 9, IPC_FRAME_REQ_MAX), EM_AGAIN);
	EQ(verdict("\0\0\0\0\0\0\0\0\0", 9, 100), EM_MALFORMED);
	EQ(verdict("\0\0\0\0\x09\0\0\0\0", 9, 100), EM_MALFORMED);
	EQ(verdict("\0\0\0\0\x08\0\0\0\0", 9, 100), EM_OK);
	EQ(verdict("GET / HTTP/1.1\r\n\r\n", 18, IPC_FRAME_MAX), EM_TOOBIG);
}

TEST(a_body_over_the_limit_is_not_written)
{
	struct wbuf w = wbuf_growing(4 << 20);
	size_t at = ipc_frame_begin(&w, FRAME_ROW, 1);

	OK(wbuf_room(&w, IPC_FRAME_MAX + 1) != NULL);
	ipc_frame_end(&w, at);
	EQ(w.err, EM_TOOBIG);
	wbuf_fini(&w);
}

TEST(large_frames_pass_and_the_memory_is_given_back)
{
	struct wbuf w = wbuf_growing(4 << 20);
	struct ipc_frame_reader r;
	struct ipc_frame f;
	size_t at = ipc_frame_begin(&w, FRAME_ROW, 1);

	memset(wbuf_room(&w, IPC_FRAME_MAX), 'x', IPC_FRAME_MAX);
	ipc_frame_end(&w, at);
	ipc_frame_reader_init(&r, IPC_FRAME_MAX);
	ipc_frame_feed(&r, wbuf_slice(&w));
	EQ(ipc_frame_next(&r, &f), EM_OK);
	EQ(f.body.n, IPC_FRAME_MAX);
	EQ(f.body.p[IPC_FRAME_MAX - 1], 'x');
	ipc_frame_feed(&r, SLICE_LIT("\0"));
	OK(r.cap < 100000);
	ipc_frame_reader_fini(&r);
	wbuf_fini(&w);
}

TEST(a_socket_fills_the_reader_without_waiting)
{
	struct wbuf w = three_frames();
	struct ipc_frame_reader r;
	int sv[2];

	EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	ipc_frame_reader_init(&r, 100);
	EQ(ipc_frame_fill(&r, sv[1]), EM_AGAIN);
	EQ(write(sv[0], w.p, w.n), w.n);
	EQ(ipc_frame_fill(&r, sv[1]), EM_OK);
	EQ(take_three(&r, 0), 3);
	close(sv[0]);
	EQ(ipc_frame_fill(&r, sv[1]), EM_NOTFOUND);
	ipc_frame_reader_fini(&r);
	close(sv[1]);
	wbuf_fini(&w);
}

static void
send_fds(int sock, const int *fds, size_t n)
{
	char control[CMSG_SPACE(8 * sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = control, .iov_len = 1 };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = CMSG_SPACE(n * sizeof(int)) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	*c = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
		.cmsg_len = CMSG_LEN(n * sizeof(int)) };
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	iov.iov_base = &(char){ 0 };
	EQ(sendmsg(sock, &m, 0), 1);
}

static unsigned
open_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

TEST(descriptors_arrive_in_order_and_none_is_lost)
{
	struct ipc_frame_reader r;
	int sv[2], pipes[2], got;
	unsigned before = open_fds();

	EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	EQ(pipe(pipes), 0);
	ipc_frame_reader_init(&r, 100);
	EQ(ipc_frame_take_fd(&r), -1);
	send_fds(sv[0], pipes, 2);
	EQ(ipc_frame_fill(&r, sv[1]), EM_OK);
	got = ipc_frame_take_fd(&r);
	OK(got >= 0 && (fcntl(got, F_GETFD) & FD_CLOEXEC) != 0);
	EQ(fcntl(got, F_GETFL) & O_ACCMODE, O_RDONLY);
	close(got);
	ipc_frame_reader_fini(&r); /* closes the other */

	ipc_frame_reader_init(&r, 100);
	for (int i = 0; i < 2; i++) {
		int four[] = { 0, 1, 2, sv[0] };

		send_fds(sv[0], four, 4);
	}
	EQ(ipc_frame_fill(&r, sv[1]), EM_OK);
	EQ(ipc_frame_fill(&r, sv[1]), EM_TOOBIG);
	EQ(ipc_frame_fill(&r, sv[1]), EM_TOOBIG);
	ipc_frame_reader_fini(&r);

	ipc_frame_reader_init(&r, 100);
	send_fds(sv[0], (int[]){ 0, 1, 2, 0, 1, 2, 0, 1 }, 8);
	EQ(ipc_frame_fill(&r, sv[1]), EM_TOOBIG);
	ipc_frame_reader_fini(&r);
	close(pipes[0]);
	close(pipes[1]);
	close(sv[0]);
	close(sv[1]);
	EQ(open_fds(), before);
}
