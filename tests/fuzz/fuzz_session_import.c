/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_session_import: parts of a session from another node, each behind its length in two
 * bytes.  Whatever comes is taken or refused; what was taken whole can be handed on, and is
 * taken again; nothing is left.
 */
#include "emqxd/admin/ctl_conf.h"
#include "emqxd/app/core_conf.h"
#include "emqxd/conf/load.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/model/hook.h"
#include "emqxd/retain/retain.h"
#include "emqxd/retain/retain_conf.h"
#include "emqxd/session/registry.h"
#include "emqxd/session/session.h"
#include "emqxd/session/session_export.h"
#include "emqxd/session/session_flat.h"
#include "emqxd/session/session_import.h"
#include "ipc/base/hash.h"
#include "tests/fuzz/house.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ID SLICE_LIT("traveller")

static bool
publish(void *to, struct message *m, const struct session_out *out)
{
	(void)to;
	(void)m;
	(void)out;
	UNREACHABLE(); /* nobody is connected */
}

static void
configure(void)
{
	static const struct conf_section *const sections[] = { &core_conf, &ctl_conf,
		&zone_conf, &retain_conf };

	house_configure(sections, sizeof sections / sizeof *sections,
	    SLICE_LIT("mqtt.max_mqueue_len = 5\n"));
}

static void
begin(void)
{
	static const struct session_sink sink = { .publish = publish };

	if (worker_current != NULL)
		return;
	hash_seed(1, 2);
	worker_init(1);
	CHECK(jobs_start(1) == EM_OK);
	configure();
	hook_birth();
	router_birth(session_deliver);
	retain_birth();
	session_birth(&sink);
	worker_act_as(worker_get(0));
	router_worker_birth();
	retain_worker_birth();
	session_worker_birth();
}

static void
hand_on(void)
{
	struct session_export *x = session_export_begin(ID);
	struct session_import *im = session_import_begin(ID);
	bool has_left = false, is_over;

	CHECK(x != NULL);
	while (!session_import_is_whole(im)) {
		struct wbuf w = wbuf_growing(SESSION_PART_MAX);

		CHECK(session_export_step(x, &w, &is_over) == EM_OK);
		CHECK(session_import_part(im, wbuf_slice(&w)) == EM_OK);
		wbuf_fini(&w);
		if (!is_over || has_left)
			continue;
		CHECK(session_import_is_snapped(im));
		CHECK(session_export_leave(x) == EM_OK);
		has_left = true;
	}
	session_export_end(&x);
	CHECK(session_import_finish(&im) == EM_OK);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of(data, size);
	struct session_import *im;
	em_err err = EM_OK;

	begin();
	im = session_import_begin(ID);
	while (err == EM_OK && in.n > 2) {
		size_t n = (size_t)in.p[0] << 8 | in.p[1];
		struct slice part = slice_head(slice_from(in, 2), n);

		err = session_import_part(im, part);
		in = slice_from(in, 2 + part.n);
	}
	if (err == EM_OK && session_import_finish(&im) == EM_OK) {
		hand_on();
		session_kick(registry_find(ID), END_KICKED);
	} else {
		session_import_drop(&im);
	}
	CHECK(registry_count_all() == 0);
	do {
		loop_hurry(worker_self()->loop);
		loop_turn(worker_self()->loop);
	} while (router_subscriptions_count() > 0);
	qsbr_drain();
	return 0;
}
