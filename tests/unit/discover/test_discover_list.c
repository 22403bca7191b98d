/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of addresses of nodes: how they are read and ordered, who is first. */
#include "emqxd/discover/discover.h"
#include "tests/unit/tap.h"

#include <stdio.h>

static const struct discover_addr usual = { .name = "emqx", .port = 4370 };

static const char *
reads(const char *text)
{
	static char out[DISCOVER_TEXT_MAX];
	struct discover_addr a;

	if (discover_addr_parse(slice_str(text), &usual, &a) != EM_OK)
		return "malformed";
	return discover_addr_print(&a, out);
}

static void
add(struct discover_list *list, const char *text)
{
	struct discover_addr a;

	OK(discover_addr_parse(slice_str(text), &usual, &a) == EM_OK);
	discover_add(list, &a);
}

TEST(an_address_has_name_host_and_port_and_the_usual_ones_where_it_has_none)
{
	STR_EQ(reads("a@10.0.0.1:5000"), "a@10.0.0.1:5000");
	STR_EQ(reads("a@10.0.0.1"), "a@10.0.0.1:4370");
	STR_EQ(reads("10.0.0.1"), "emqx@10.0.0.1:4370");
	STR_EQ(reads("a@Node-1.Example.Org."), "a@node-1.example.org:4370");
	STR_EQ(reads("A_b-c.d@h_1"), "A_b-c.d@h_1:4370");
}

TEST(a_port_follows_from_the_name_where_ours_does)
{
	const struct discover_addr by_name = { .name = "emqx1", .port = 4371 };
	const struct discover_addr by_hand = { .name = "emqx1", .port = 5000 };
	struct discover_addr a;

	OK(discover_addr_parse(SLICE_LIT("emqx2@h"), &by_name, &a) == EM_OK);
	EQ(a.port, 4372);
	OK(discover_addr_parse(SLICE_LIT("h"), &by_name, &a) == EM_OK);
	EQ(a.port, 4371);
	OK(discover_addr_parse(SLICE_LIT("emqx99999@h"), &by_name, &a) == EM_OK);
	EQ(a.port, 4370);
	OK(discover_addr_parse(
	       SLICE_LIT("emqx99999999999999999999999@h"), &by_name, &a) == EM_OK);
	EQ(a.port, 4370);
	OK(discover_addr_parse(SLICE_LIT("emqx2@h"), &by_hand, &a) == EM_OK);
	EQ(a.port, 5000);
	STR_EQ(reads("emqx2@h"), "emqx2@h:4372");
	STR_EQ(reads("emqx2@h:9"), "emqx2@h:9");
}

TEST(an_IPv6_address_has_brackets_when_a_port_follows)
{
	STR_EQ(reads("a@[::1]:5000"), "a@[::1]:5000");
	STR_EQ(reads("a@[FE80:0:0:0::1]"), "a@[fe80::1]:4370");
	STR_EQ(reads("a@2001:db8::7"), "a@[2001:db8::7]:4370");
}

TEST(what_is_no_address_is_malformed)
{
	const char *bad[] = { "", "@", "a@", "@h", "a@h:", "a@h:0", "a@h:65536", "a@h:x",
		"a@h:1:2", "a@[::1", "a@[::1]5", "a@[h]:1", "a@[]:1", "a b@h", "a@h\n",
		"a@h/1", "a@\xc3\xa4", "a@b@c", "a\033@h", "a@:::1" };
	char longest[400];

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (strcmp(reads(bad[i]), "malformed") != 0)
			tap_fail(__FILE__, __LINE__, "%s is taken", bad[i]);
	memset(longest, 'h', sizeof longest);
	longest[DISCOVER_HOST_MAX] = '\0';
	OK(strlen(reads(longest)) == DISCOVER_HOST_MAX + 10);
	longest[DISCOVER_HOST_MAX] = 'h';
	longest[DISCOVER_HOST_MAX + 1] = '\0';
	STR_EQ(reads(longest), "malformed");
	OK(discover_addr_parse(slice_of("a@h\0i", 5), &usual,
	       &(struct discover_addr){ 0 }) == EM_MALFORMED);
}

TEST(addresses_are_in_order_IPv4_by_number_then_IPv6_then_names_then_ports)
{
	const char *texts[] = { "a@b.org", "x@10.0.0.10", "x@::1", "x@10.0.0.9:2",
		"x@a.org", "x@10.0.0.9:1" };
	const char *sorted[] = { "x@10.0.0.9:1", "x@10.0.0.9:2", "x@10.0.0.10:4370",
		"x@[::1]:4370", "x@a.org:4370", "a@b.org:4370" };
	struct discover_list list = { 0 };
	char text[DISCOVER_TEXT_MAX];

	for (unsigned i = 0; i < 6; i++)
		add(&list, texts[i]);
	EQ(list.n, 6);
	for (unsigned i = 0; i < 6; i++)
		STR_EQ(discover_addr_print(&list.item[i], text), sorted[i]);
}

TEST(the_same_host_and_port_is_there_once_whatever_the_name)
{
	struct discover_list list = { 0 };

	add(&list, "a@10.0.0.1");
	add(&list, "b@10.0.0.1:4370");
	add(&list, "b@10.0.0.1:4371");
	EQ(list.n, 2);
	EQ(list.refused, 0);
}

TEST(of_more_addresses_than_are_kept_the_lowest_stay_in_whatever_order_they_come)
{
	struct discover_list up = { 0 }, down = { 0 };
	char text[64];

	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof text, "a@10.0.0.%d", i);
		add(&up, text);
		snprintf(text, sizeof text, "a@10.0.0.%d", 199 - i);
		add(&down, text);
	}
	EQ(up.n, DISCOVER_MAX);
	EQ(down.n, DISCOVER_MAX);
	EQ(up.refused, 200 - DISCOVER_MAX);
	EQ(down.refused, 200 - DISCOVER_MAX);
	for (unsigned i = 0; i < up.n; i++)
		EQ(discover_addr_cmp(&up.item[i], &down.item[i]), 0);
	STR_EQ(up.item[DISCOVER_MAX - 1].host, "10.0.0.63");
}

TEST(the_lowest_address_is_the_one_that_the_others_join)
{
	struct discover_list list = { 0 };
	struct discover_addr low = { .name = "emqx", .host = "10.0.0.1", .port = 4370 };
	struct discover_addr high = { .name = "emqx", .host = "10.0.0.2", .port = 4370 };
	struct discover_addr stranger = {
		.name = "emqx", .host = "9.0.0.1", .port = 4370
	};

	OK(!discover_first(&list, &low)); /* nobody knows of us either */
	discover_add(&list, &high);
	discover_add(&list, &low);
	OK(discover_first(&list, &low));
	OK(!discover_first(&list, &high));
	OK(!discover_first(&list, &stranger)); /* is none of the seeds */
	low.port = 4371;
	OK(!discover_first(&list, &low)); /* another node of that machine */
}

TEST(a_node_that_is_known_by_its_IP_is_first_though_it_calls_itself_by_a_name)
{
	struct discover_list list = { 0 };
	struct discover_addr me = { .name = "emqx", .host = "pod-0.emqx", .port = 4370 };
	struct discover_addr seen = {
		.name = "emqx", .host = "10.1.2.3", .port = 4370, .is_me = true
	};

	discover_add(&list, &seen);
	OK(discover_first(&list, &me));
}
