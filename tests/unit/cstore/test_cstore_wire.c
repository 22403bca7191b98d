/* SPDX-License-Identifier: Apache-2.0 */
/* cstore_wire, cstore_pipe: frames as they were sent, and nothing else. */
#include "emqxd/cstore/cstore_pipe.h"
#include "ipc/base/rand.h"
#include "tests/unit/tap.h"

#include <sys/socket.h>
#include <unistd.h>

static uint8_t room[4096];

static struct slice
frame(const struct cstore_frame *f)
{
	struct wbuf w = wbuf_fixed(room, sizeof room);

	cstore_wire_put(&w, f);
	OK(w.err == EM_OK);
	return wbuf_slice(&w);
}

TEST(a_frame_is_read_as_it_was_written)
{
	struct cstore_frame f = { .kind = CSTORE_DECIDED,
		.group = CSTORE_RET,
		.op = 3,
		.err = EM_FULL,
		.req = 77,
		.index = UINT64_MAX - 1,
		.id = 0x0123456789abcdef,
		.term = 9,
		.text = SLICE_LIT("emqx@a"),
		.data = SLICE_LIT("bytes") };
	struct cstore_frame out;

	OK(cstore_wire_get(slice_from(frame(&f), 4), &out) == EM_OK);
	OK(out.kind == f.kind && out.group == f.group && out.op == f.op);
	OK(out.err == f.err && out.req == f.req && out.index == f.index);
	OK(out.id == f.id && out.term == f.term);
	OK(slice_eq(out.text, f.text) && slice_eq(out.data, f.data));
}

TEST(what_is_no_frame_is_malformed)
{
	struct cstore_frame f = { .kind = CSTORE_NOTE, .text = SLICE_LIT("abc") };
	struct slice whole = slice_from(frame(&f), 4);
	struct cstore_frame out;

	for (size_t n = 0; n < whole.n; n++)
		OK(cstore_wire_get(slice_head(whole, n), &out) == EM_MALFORMED);
	room[4] = CSTORE_KIND_N;
	OK(cstore_wire_get(whole, &out) == EM_MALFORMED);
	room[4] = CSTORE_NOTE;
	room[5] = CSTORE_GROUP_N;
	OK(cstore_wire_get(whole, &out) == EM_MALFORMED);
}

TEST(any_bytes_do_no_harm)
{
	struct cstore_member members[CSTORE_MEMBERS_MAX];
	struct cstore_status status = { .term = 1 };
	struct cstore_tune tune;
	struct cstore_frame out;
	unsigned n, good = 0;

	for (unsigned i = 0; i < 20000; i++) {
		struct slice s = slice_of(room, rand_below(80));

		rand_bytes(room, s.n);
		if (s.n > 0)
			room[0] = (uint8_t)(i % (CSTORE_KIND_N + 1));
		good += cstore_wire_get(s, &out) == EM_OK;
		good += cstore_wire_get_tune(s, &tune) == EM_OK;
		good += cstore_wire_get_status(s, &status) == EM_OK;
		if (cstore_wire_get_members(s, members, &n) == EM_OK)
			OK(n <= CSTORE_MEMBERS_MAX);
	}
	OK(good < 60000);
}

TEST(members_are_read_as_they_were_written)
{
	struct cstore_member in[2] = { { 1, "emqx@a", CSTORE_VOTER, 5 },
		{ 2, "emqx@b", CSTORE_STANDBY, 0 } };
	struct cstore_member out[CSTORE_MEMBERS_MAX];
	struct wbuf w = wbuf_fixed(room, sizeof room);
	unsigned n;

	cstore_wire_put_members(&w, in, 2);
	OK(cstore_wire_get_members(wbuf_slice(&w), out, &n) == EM_OK);
	OK(n == 2 && out[1].id == 2 && out[0].match == 5);
	OK(out[0].role == CSTORE_VOTER && out[1].role == CSTORE_STANDBY);
	STR_EQ(out[1].name, "emqx@b");
	for (size_t k = 0; k < w.n; k++)
		OK(cstore_wire_get_members(slice_of(room, k), out, &n) == EM_MALFORMED);
}

TEST(descriptors_come_with_their_frames)
{
	struct cstore_frame plain = { .kind = CSTORE_NOTE, .text = SLICE_LIT("x") };
	struct cstore_frame with = { .kind = CSTORE_ACCEPT, .text = SLICE_LIT("emqx@a") };
	struct cstore_pipe a, b;
	struct cstore_frame out;
	int pair[2], ends[2], fd, got = 0;
	char byte = 0;

	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	OK(pipe(ends) == 0);
	cstore_pipe_open(&a, pair[0]);
	cstore_pipe_open(&b, pair[1]);
	cstore_pipe_put(&a, &plain, -1);
	cstore_pipe_put(&a, &with, ends[1]); /* taken */
	cstore_pipe_put(&a, &plain, -1);
	OK(cstore_pipe_flush(&a) == EM_OK);
	EQ(cstore_pipe_waiting(&a), 0);
	while (got < 3) {
		em_err err = cstore_pipe_next(&b, &out, &fd);

		if (err == EM_AGAIN) {
			OK(cstore_pipe_read(&b) == EM_OK);
			continue;
		}
		OK(err == EM_OK);
		OK((fd >= 0) == (got == 1));
		if (fd >= 0) {
			OK(write(fd, "y", 1) == 1 && read(ends[0], &byte, 1) == 1);
			close(fd);
		}
		got++;
	}
	EQ(byte, 'y');
	close(ends[0]);
	cstore_pipe_close(&a);
	OK(cstore_pipe_read(&b) == EM_IO);
	cstore_pipe_close(&b);
}

TEST(a_frame_that_says_to_be_huge_is_refused)
{
	struct cstore_pipe b;
	struct cstore_frame out;
	int pair[2], fd;

	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	cstore_pipe_open(&b, pair[1]);
	OK(send(pair[0], "\xff\xff\xff\xff....", 8, 0) == 8);
	OK(cstore_pipe_read(&b) == EM_OK);
	OK(cstore_pipe_next(&b, &out, &fd) == EM_MALFORMED);
	cstore_pipe_close(&b);
	close(pair[0]);
}
