/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of discovery by multicast, with several nodes on the loopback. */
#include "emqxd/discover/discover.h"
#include "tests/unit/discover/discover_house.h"

static char port_text[8];
static const char *ports[1] = { port_text };

static struct discover_conf
conf_of(const char *host, const char *cluster, const char *cookie)
{
	struct discover_conf c = house_conf(DISCOVER_MCAST);

	snprintf(c.me.host, sizeof c.me.host, "%s", host);
	c.cluster = cluster;
	c.secret = cookie;
	c.mcast.addr = "239.192.0.77";
	c.mcast.ports = (struct conf_list){ ports, 1 };
	c.mcast.iface = "127.0.0.1";
	c.mcast.loop = true;
	c.mcast.sndbuf = c.mcast.recbuf = 16384;
	c.pace = span_ms(20);
	return c;
}

static void
begin(void)
{
	house_open();
	snprintf(port_text, sizeof port_text, "%u", house_port());
}

static void
send_raw(const void *p, size_t n)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(port_text, NULL, 10)) };
	struct in_addr lo = { htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	inet_pton(AF_INET, "239.192.0.77", &to.sin_addr);
	setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &lo, sizeof lo);
	OK(sendto(fd, p, n, 0, (void *)&to, sizeof to) == (ssize_t)n);
	close(fd);
}

TEST(nodes_of_one_cluster_hear_each_other_and_agree_who_is_first)
{
	struct found a = { 0 }, b = { 0 }, c = { 0 };
	struct discover_conf ca = conf_of("10.9.0.2", "emqxcl", "tasty");
	struct discover_conf cb = conf_of("10.9.0.1", "emqxcl", "tasty");
	struct discover_conf cc = conf_of("10.9.0.3", "emqxcl", "tasty");
	struct discover *da, *db, *dc;

	begin();
	da = discover_start(&ca, house_on_found, &a);
	TURN_UNTIL(a.rounds > 0);
	STR_EQ(house_texts(&a.list), "emqx@10.9.0.2:4370"); /* alone */
	db = discover_start(&cb, house_on_found, &b);
	dc = discover_start(&cc, house_on_found, &c);
	TURN_UNTIL(a.list.n == 3 && b.list.n == 3 && c.list.n == 3);
	STR_EQ(house_texts(&a.list),
	    "emqx@10.9.0.1:4370 emqx@10.9.0.2:4370 emqx@10.9.0.3:4370");
	OK(!discover_first(&a.list, &ca.me) && discover_first(&b.list, &cb.me));
	discover_stop(&db);
	TURN_UNTIL(a.list.n == 2); /* silent for too long */
	discover_stop(&da);
	discover_stop(&dc);
	house_close();
}

TEST(another_cookie_and_another_cluster_are_not_heard_but_counted)
{
	struct found a = { 0 }, b = { 0 }, c = { 0 };
	struct discover_conf ca = conf_of("10.9.0.2", "emqxcl", "tasty");
	struct discover_conf cb = conf_of("10.9.0.1", "emqxcl", "stolen");
	struct discover_conf cc = conf_of("10.9.0.3", "other", "tasty");
	struct discover *da, *db, *dc;

	begin();
	da = discover_start(&ca, house_on_found, &a);
	db = discover_start(&cb, house_on_found, &b);
	dc = discover_start(&cc, house_on_found, &c);
	TURN_UNTIL(discover_status_get(da).refused >= 2 && a.rounds > 3 && b.rounds > 3);
	EQ(a.list.n, 1);
	EQ(b.list.n, 1);
	EQ(c.list.n, 1);
	discover_stop(&da);
	discover_stop(&db);
	discover_stop(&dc);
	house_close();
}

TEST(garbage_of_any_size_is_counted_and_nothing_else)
{
	struct discover_conf c = conf_of("10.9.0.2", "emqxcl", "tasty");
	static const size_t sizes[] = { 0, 1, 6, 7, 31, 32, 33, 38, 39, 40, 43, 80, 1023,
		1024, 1025, 9000 };
	static uint8_t bytes[9000];
	struct found f = { 0 };
	struct discover *d;

	begin();
	d = discover_start(&c, house_on_found, &f);
	TURN_UNTIL(f.rounds > 0);
	memcpy(bytes, "EMQXD\1", 6);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		send_raw(bytes, sizes[i]);
		TURN_UNTIL(discover_status_get(d).refused == i + 1);
	}
	EQ(f.list.n, 1);
	discover_stop(&d);
	house_close();
}

TEST(what_cannot_be_multicast_is_a_failure_with_its_reason)
{
	static const struct {
		const char *addr, *iface, *port, *why;
	} bad[] = {
		{ "10.0.0.1", "127.0.0.1", "4369", "no IPv4 multicast address" },
		{ "239.192.0.1", "eth0", "4369", "cluster.mcast.iface: eth0 is no" },
		{ "239.192.0.1", "127.0.0.1", "0", "cluster.mcast.ports: 0 is no port" },
		{ "239.192.0.1", "203.0.113.9", "4369", "no multicast there" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct discover_conf c = conf_of("10.9.0.2", "emqxcl", "tasty");
		struct found f = { 0 };
		struct discover *d;

		begin();
		snprintf(port_text, sizeof port_text, "%s", bad[i].port);
		c.mcast.addr = bad[i].addr;
		c.mcast.iface = bad[i].iface;
		d = discover_start(&c, house_on_found, &f);
		TURN_UNTIL(discover_status_get(d).failed > 0);
		if (strstr(discover_status_get(d).why, bad[i].why) == NULL)
			tap_fail(__FILE__, __LINE__, "%s", discover_status_get(d).why);
		discover_stop(&d);
		house_close();
	}
}
