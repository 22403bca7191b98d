/* SPDX-License-Identifier: Apache-2.0 */
/* cstore_list: the members by which libraft counts, and those that its log says. */
#include "emqxd/cstore/cstore_raft.h"
#include "tests/unit/tap.h"

#include <stdlib.h>

static const uint8_t two[] = "\1\2\0\0\0\0\0\0\0"
			     "\7\0\0\0\0\0\0\0emqx@a\0\1"
			     "\11\1\0\0\0\0\0\0emqx@b\0\0";
static const struct slice entry = { two, sizeof two - 1 };

TEST(they_are_the_same_or_not)
{
	char a[] = "emqx@a", b[] = "emqx@b";
	struct raft_server s[3] = { { .id = 7, .address = a, .role = RAFT_VOTER },
		{ .id = 265, .address = b, .role = RAFT_STANDBY },
		{ .id = 9, .address = b, .role = RAFT_STANDBY } };
	struct raft_configuration conf = { .servers = s, .n = 2 };

	OK(cstore_list_is(&conf, entry));
	conf.n = 3;
	OK(!cstore_list_is(&conf, entry));
	conf.n = 1;
	OK(!cstore_list_is(&conf, entry));
	conf.n = 2;
	s[1].role = RAFT_VOTER;
	OK(!cstore_list_is(&conf, entry));
	s[1].role = RAFT_STANDBY;
	s[1].id = 266;
	OK(!cstore_list_is(&conf, entry));
	s[1].id = 265;
	s[0].address = b;
	OK(!cstore_list_is(&conf, entry));
}

TEST(what_is_cut_or_of_another_form_is_not_the_same)
{
	char a[] = "emqx@a", b[] = "emqx@b";
	struct raft_server s[2] = { { .id = 7, .address = a, .role = RAFT_VOTER },
		{ .id = 265, .address = b, .role = RAFT_STANDBY } };
	struct raft_configuration conf = { .servers = s, .n = 2 };
	uint8_t other[sizeof two];

	for (size_t n = 0; n < entry.n; n++) {
		uint8_t *cut = memcpy(malloc(n + 1), two, n);

		OK(!cstore_list_is(&conf, slice_of(cut, n)));
		free(cut);
	}
	memcpy(other, two, sizeof two);
	other[0] = 2;
	OK(!cstore_list_is(&conf, slice_of(other, entry.n)));
}

#ifndef RAFT_REQUEST_VOTE_VERSION /* see raft_compat.h */

TEST(the_last_change_in_the_log_counts)
{
	struct raft_entry e[4] = { { .type = RAFT_CHANGE }, { .type = RAFT_COMMAND },
		{ .type = RAFT_CHANGE }, { .type = RAFT_BARRIER } };
	struct raft r = { .log = { .entries = e, .size = 4 } };

	OK(raft_compat_last_change(&r) == NULL); /* it is empty */
	r.log.back = 2;
	OK(raft_compat_last_change(&r) == &e[0]);
	r.log.front = 1;
	OK(raft_compat_last_change(&r) == NULL);
	r.log.front = 3; /* goes round: 3, 0, 1 */
	OK(raft_compat_last_change(&r) == &e[0]);
	r.log.back = 0;
	OK(raft_compat_last_change(&r) == NULL);
}

#endif
