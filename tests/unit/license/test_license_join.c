/* SPDX-License-Identifier: Apache-2.0 */
/* license_join: what an operator is told where two nodes with licences meet. */
#include "emqxd/core/worker.h"
#include "emqxd/license/inside.h"
#include "tests/unit/license/sign.h"

static struct vendor vendor, other;
static struct license room;
static struct str said, a, b;

static void
sign(const struct vendor *v, const char *customer, unsigned sessions, struct str *out)
{
	struct str payload = { 0 };

	str_reset(out);
	str_addf(&payload, "220111\n1\n1\n%s\ne@x\nd\n20260101\n3650\n%u\n", customer,
	    sessions);
	vendor_sign(v, str_get(&payload), out);
	str_fini(&payload);
}

static void
begin(void)
{
	worker_init(1);
	worker_act_as(worker_admin());
	vendor_init(&vendor, "P-256");
	vendor_init(&other, "P-256");
	room = (struct license){ .said = LICENSE_NONE };
	str_add_slice(&room.public_key, str_slice(&vendor.public_key));
	node_slot_set(ROOM_LICENSE, &room);
}

static void
end(void)
{
	node_slot_set(ROOM_LICENSE, NULL);
	str_fini(&room.public_key);
	vendor_fini(&vendor);
	vendor_fini(&other);
	str_fini(&said);
	str_fini(&a);
	str_fini(&b);
	worker_act_as(NULL);
	worker_fini();
}

static const char *
meet(const struct str *own, bool is_configured, const struct str *theirs)
{
	struct license_own o = { .is_configured = is_configured };

	str_reset(&said);
	if (own != NULL)
		str_add_slice(&o.text, str_slice(own));
	license_own_meets(&o, theirs != NULL ? str_slice(theirs) : SLICE_NONE, &said);
	license_own_fini(&o);
	return str_get(&said);
}

TEST(the_sentence_says_which_licence_wins)
{
	begin();
	sign(&vendor, "A", 100, &a);
	sign(&vendor, "B", 200, &b);
	STR_EQ(meet(NULL, true, NULL), "");
	STR_EQ(meet(&a, true, &a), "the licences are the same");
	STR_EQ(meet(NULL, true, &b),
	    "the cluster's licence (customer 'B', 200 sessions) is this node's too");
	STR_EQ(meet(&a, false, &b),
	    "the cluster's licence (customer 'B', 200 sessions) stands in place of this "
	    "node's (customer 'A', 100 sessions)");
	STR_EQ(meet(&a, false, NULL),
	    "the cluster has no licence; this node's (customer 'A', 100 sessions) goes");
	STR_EQ(meet(&a, true, NULL),
	    "the cluster has no licence; this node's (customer 'A', 100 sessions) is "
	    "configured and stays, on it alone");
	end();
}

TEST(one_that_will_not_be_accepted_is_said)
{
	begin();
	sign(&other, "B\033[31m", 200, &b);
	OK(strstr(meet(NULL, true, &b), "but this node does not accept it: ") != NULL);
	OK(strchr(str_get(&said), '\033') == NULL);
	str_reset(&b);
	str_add(&b, "nonsense");
	OK(strstr(meet(NULL, true, &b), "one that this node cannot read") != NULL);
	end();
}

TEST(the_text_in_force_is_shown_to_all_threads)
{
	static uint8_t buf[LICENSE_KEY_MAX];

	begin();
	EQ(license_text(buf), 0);
	sign(&vendor, "A", 100, &a);
	OK(license_key_read(str_slice(&a), &room.current.key, NULL) == EM_OK);
	license_text_show(&room);
	OK(slice_eq(slice_of(buf, license_text(buf)), str_slice(&a)));
	license_key_free(&room.current.key);
	license_text_death(&room);
	EQ(license_text(buf), 0);
	end();
}
