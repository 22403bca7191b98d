/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of addresses. */
#include "emqxd/model/addr.h"
#include "tests/unit/tap.h"

static const char *
round_trip(const char *text)
{
	static char out[ADDR_TEXT_MAX];
	struct net_addr a;

	if (addr_parse(slice_str(text), &a) != EM_OK)
		return "refused";
	addr_print(&a, out);
	return out;
}

static bool
has(const char *net, const char *ip)
{
	struct net_cidr c;
	struct net_addr a;

	return addr_cidr_parse(slice_str(net), &c) == EM_OK &&
	       addr_parse(slice_str(ip), &a) == EM_OK && addr_cidr_has(&c, &a);
}

TEST(addresses_are_read_and_printed)
{
	STR_EQ(round_trip("127.0.0.1:1883"), "127.0.0.1:1883");
	STR_EQ(round_trip("10.1.2.3"), "10.1.2.3:0");
	STR_EQ(round_trip("[::1]:80"), "[::1]:80");
	STR_EQ(round_trip("::1"), "[::1]:0");
	STR_EQ(round_trip("[fe80::2]"), "[fe80::2]:0");
	STR_EQ(round_trip("1.2.3"), "refused");
	STR_EQ(round_trip("1.2.3.4:"), "refused");
	STR_EQ(round_trip("1.2.3.4:99999"), "refused");
	STR_EQ(round_trip("[::1]x"), "refused");
	STR_EQ(round_trip(""), "refused");
}

TEST(an_ipv4_address_in_ipv6_clothes_is_an_ipv4_address)
{
	struct sockaddr_storage ss;
	struct net_addr a, b;
	char text[ADDR_TEXT_MAX];

	EQ(addr_parse(SLICE_LIT("[::ffff:10.0.0.1]:5"), &a), EM_OK);
	addr_to_sockaddr(&a, &ss);
	b = addr_of(&ss);
	addr_print(&b, text);
	STR_EQ(text, "10.0.0.1:5");
}

TEST(networks_hold_their_addresses_and_no_others)
{
	OK(has("10.0.0.0/8", "10.255.0.1"));
	OK(!has("10.0.0.0/8", "11.0.0.1"));
	OK(has("192.168.1.128/25", "192.168.1.200"));
	OK(!has("192.168.1.128/25", "192.168.1.100"));
	OK(has("0.0.0.0/0", "1.2.3.4"));
	OK(!has("0.0.0.0/0", "::1"));
	OK(has("127.0.0.1", "127.0.0.1"));
	OK(!has("127.0.0.1", "127.0.0.10"));
	OK(has("2001:db8::/32", "2001:db8:1::5"));
	OK(!has("2001:db8::/33", "2001:db8:8000::5"));
	OK(!has("10.0.0.0/33", "10.0.0.1"));
	OK(!has("10.0.0.0/x", "10.0.0.1"));
}
