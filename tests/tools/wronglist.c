/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wronglist FOLDER [VOTERS]: puts a list of members that nobody agreed on at the end of the Raft
 * log of a node that is stopped: the one that it has, and a standby that does not exist.  So
 * the list is as libraft 0.15 may leave it (canonical/raft#250), with no hook in the product:
 * tests/cluster/test_repair.py.  With so many voters instead that do not exist, its group has
 * no leader ever after: tests/cluster/test_removed.py.
 */
#include <raft.h>
#include <raft/uv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
apply(struct raft_fsm *f, const struct raft_buffer *b, void **result)
{
	(void)f;
	(void)b;
	*result = NULL;
	return 0;
}

static int
snapshot(struct raft_fsm *f, struct raft_buffer *bufs[], unsigned *n)
{
	(void)f;
	*bufs = NULL;
	*n = 0;
	return RAFT_BUSY;
}

static int
restore(struct raft_fsm *f, struct raft_buffer *b)
{
	(void)f;
	raft_free(b->base);
	return 0;
}

struct node {
	uv_loop_t loop;
	struct raft_uv_transport transport;
	struct raft_io io;
	struct raft_fsm fsm;
	struct raft raft;
};

static void
must(int rv, const char *what, const struct node *n)
{
	if (rv == 0)
		return;
	fprintf(
	    stderr, "wronglist: %s: %d %s %s\n", what, rv, n->io.errmsg, n->raft.errmsg);
	exit(1);
}

/* Nobody is talked to: the port is never listened on. */
static void
begin(struct node *n, const char *folder)
{
	must(uv_loop_init(&n->loop), "loop", n);
	must(raft_uv_tcp_init(&n->transport, &n->loop), "transport", n);
	must(raft_uv_init(&n->io, &n->loop, folder, &n->transport), "folder", n);
	n->fsm = (struct raft_fsm){
		.version = 1, .apply = apply, .snapshot = snapshot, .restore = restore
	};
	must(raft_init(&n->raft, &n->io, &n->fsm, 1, "127.0.0.1:1"), "init", n);
}

static void
on_close(struct raft *r)
{
	(void)r;
}

static void
end(struct node *n)
{
	raft_close(&n->raft, on_close);
	uv_run(&n->loop, UV_RUN_DEFAULT);
	raft_uv_close(&n->io);
	raft_uv_tcp_close(&n->transport);
}

int
main(int argc, char **argv)
{
	static struct node a, b;
	struct raft_configuration list;
	int voters = argc == 3 ? atoi(argv[2]) : 0;

	if (argc != 2 && argc != 3)
		return 2;
	raft_configuration_init(&list);
	begin(&a, argv[1]);
	must(raft_start(&a.raft), "start", &a);
	for (unsigned i = 0; i < a.raft.configuration.n; i++) {
		const struct raft_server *s = &a.raft.configuration.servers[i];

		must(raft_configuration_add(&list, s->id, s->address, s->role), "list",
		    &a);
	}
	for (int i = 0; i < (voters > 0 ? voters : 1); i++) {
		char name[40];

		snprintf(name, sizeof name, "nobody%d@127.0.0.1", i);
		must(raft_configuration_add(&list, 4242 + (raft_id)i, name,
			 voters > 0 ? RAFT_VOTER : RAFT_STANDBY),
		    "list", &a);
	}
	end(&a);
	begin(&b, argv[1]);
	must(raft_recover(&b.raft, &list), "recover", &b);
	printf("members %u last %llu\n", list.n,
	    (unsigned long long)raft_last_index(&a.raft));
	raft_configuration_close(&list);
	end(&b);
	return 0;
}
