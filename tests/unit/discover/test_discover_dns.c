/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of discovery by DNS: with dnsmasq, and with a server that answers badly. */
#include "emqxd/discover/discover.h"
#include "tests/unit/discover/discover_house.h"

#include <pthread.h>

static struct found found;
static struct discover *d;
static char server[32];
static pid_t dnsmasq;

/* What dnsmasq knows. */
static char *const records[] = { "--host-record=nodes.test,10.3.0.2",
	"--host-record=nodes.test,10.3.0.1", "--host-record=six.test,fd00::7",
	"--srv-host=_emqx._tcp.nodes.test,n1.test,5001",
	"--srv-host=_emqx._tcp.nodes.test,n2.test,5002",
	"--srv-host=bare.test,n1.test,1883", "--srv-host=bare.test,n1.test,4370",
	"--srv-host=bare.test,n2.test,1883", "--cname=alias.test,nodes.test",
	"--local=/test/" };

static void
begin_dnsmasq(void)
{
	enum { N = sizeof records / sizeof records[0] };
	char *argv[N + 16] = { "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null",
		"--no-resolv", "--no-hosts", "--bind-interfaces",
		"--listen-address=127.0.0.1", "--pid-file=", "--user=", "--group=" };
	char port[32];
	unsigned at = 10, n;

	if (!house_has("dnsmasq"))
		tap_skip("needs package dnsmasq-base");
	argv[at++] = port;
	for (unsigned i = 0; i < N; i++)
		argv[at++] = records[i];
	do {
		n = house_port();
		snprintf(server, sizeof server, "127.0.0.1:%u", n);
		snprintf(port, sizeof port, "--port=%u", n);
		dnsmasq = house_spawn(argv);
	} while (!house_is_up(dnsmasq, n));
}

static void
begin(const char *name, enum discover_record type)
{
	struct discover_conf c = house_conf(DISCOVER_DNS);

	found = (struct found){ 0 };
	house_open();
	c.dns.name = name;
	c.dns.type = type;
	c.dns.server = server;
	d = discover_start(&c, house_on_found, &found);
}

static void
end(void)
{
	discover_stop(&d);
	house_close();
}

TEST(A_records_and_those_behind_an_alias_are_found)
{
	begin_dnsmasq();
	begin("nodes.test", DISCOVER_A);
	TURN_UNTIL(found.rounds > 0);
	STR_EQ(house_texts(&found.list), "emqx@10.3.0.1:4370 emqx@10.3.0.2:4370");
	end();
	begin("alias.test", DISCOVER_A);
	TURN_UNTIL(found.rounds > 0);
	EQ(found.list.n, 2);
	end();
	house_end(dnsmasq);
}

TEST(AAAA_records_are_found)
{
	begin_dnsmasq();
	begin("six.test", DISCOVER_AAAA);
	TURN_UNTIL(found.rounds > 0);
	STR_EQ(house_texts(&found.list), "emqx@[fd00::7]:4370");
	end();
	house_end(dnsmasq);
}

TEST(SRV_records_of_a_service_have_their_own_ports)
{
	begin_dnsmasq();
	begin("_emqx._tcp.nodes.test", DISCOVER_SRV);
	TURN_UNTIL(found.rounds > 0);
	STR_EQ(house_texts(&found.list), "emqx@n1.test:5001 emqx@n2.test:5002");
	end();
	house_end(dnsmasq);
}

TEST(SRV_records_of_a_bare_name_give_each_host_once_at_our_port)
{
	begin_dnsmasq();
	begin("bare.test", DISCOVER_SRV);
	TURN_UNTIL(found.rounds > 0);
	STR_EQ(house_texts(&found.list), "emqx@n1.test:4370 emqx@n2.test:4370");
	end();
	house_end(dnsmasq);
}

TEST(a_name_that_is_not_there_is_a_failure_that_names_it)
{
	begin_dnsmasq();
	begin("nobody.test", DISCOVER_A);
	TURN_UNTIL(discover_status_get(d).failed > 0 &&
		   strstr(discover_status_get(d).why, "Unknown host") != NULL);
	STR_EQ(discover_status_get(d).why, "nobody.test has no A record: Unknown host");
	end();
	house_end(dnsmasq);
}

TEST(without_a_server_the_system_is_asked_and_hosts_counts)
{
	server[0] = '\0';
	begin("localhost", DISCOVER_A);
	TURN_UNTIL(found.rounds > 0);
	STR_EQ(house_texts(&found.list), "emqx@127.0.0.1:4370");
	OK(found.list.item[0].is_me);
	end();
}

TEST(a_server_that_is_no_address_is_a_failure)
{
	snprintf(server, sizeof server, "dns.example.org");
	begin("nodes.test", DISCOVER_A);
	TURN_UNTIL(discover_status_get(d).failed > 0);
	STR_EQ(discover_status_get(d).why,
	    "cluster.dns.server: dns.example.org is no IPv4 address with a port");
	end();
}

/* ---- a server that answers badly */

static struct {
	pthread_t thread;
	int fd;
	const uint8_t *tail; /* behind head and question */
	size_t tail_n;
	uint8_t answers; /* that the head promises */
} bad;

static void *
answer_badly(void *arg)
{
	uint8_t buf[2048];
	struct sockaddr_in from;
	socklen_t n = sizeof from;
	ssize_t got;

	(void)arg;
	while ((got = recvfrom(bad.fd, buf, 512, 0, (void *)&from, &n)) > 12) {
		size_t end = 12;

		while (buf[end] != 0)
			end += buf[end] + 1u;
		end += 5;
		buf[2] = 0x81;
		buf[3] = 0x80;
		memset(buf + 4, 0, 8);
		buf[5] = 1;
		buf[7] = bad.answers;
		memcpy(buf + end, bad.tail, bad.tail_n);
		sendto(bad.fd, buf, end + bad.tail_n, 0, (void *)&from, n);
	}
	return NULL;
}

static void
begin_badly(const void *tail, size_t n, uint8_t answers)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof sa;

	bad.tail = tail;
	bad.tail_n = n;
	bad.answers = answers;
	bad.fd = socket(AF_INET, SOCK_DGRAM, 0);
	OK(bind(bad.fd, (void *)&sa, sizeof sa) == 0);
	OK(getsockname(bad.fd, (void *)&sa, &len) == 0);
	snprintf(server, sizeof server, "127.0.0.1:%u", ntohs(sa.sin_port));
	OK(pthread_create(&bad.thread, NULL, answer_badly, NULL) == 0);
}

static void
end_badly(void)
{
	struct sockaddr_in sa;
	socklen_t n = sizeof sa;

	getsockname(bad.fd, (void *)&sa, &n);
	sendto(bad.fd, "", 0, 0, (void *)&sa, sizeof sa); /* ends it */
	pthread_join(bad.thread, NULL);
	close(bad.fd);
}

TEST(an_answer_that_promises_more_than_it_holds_is_malformed)
{
	begin_badly("\xc0\x0c\0\1\0\1\0\0\0\5\0\4\12\3", 14, 3);
	begin("nodes.test", DISCOVER_A);
	TURN_UNTIL(discover_status_get(d).failed > 0);
	STR_EQ(discover_status_get(d).why,
	    "nodes.test has no A record: the answer is malformed");
	end();
	end_badly();
}

TEST(records_of_a_wrong_size_are_left_out)
{
	/* A with three bytes, then one of four. */
	static const char tail[] = "\xc0\x0c\0\1\0\1\0\0\0\5\0\3\12\3\0"
				   "\xc0\x0c\0\1\0\1\0\0\0\5\0\4\12\3\0\11";

	begin_badly(tail, sizeof tail - 1, 2);
	begin("nodes.test", DISCOVER_A);
	TURN_UNTIL(found.rounds > 0);
	STR_EQ(house_texts(&found.list), "emqx@10.3.0.9:4370");
	EQ(found.list.refused, 1);
	end();
	end_badly();
}

TEST(an_SRV_record_whose_name_points_at_itself_is_left_out)
{
	static const char tail[] =
	    "\xc0\x0c\0\41\0\1\0\0\0\5\0\10\0\0\0\0\23\x89\xc0\x2e";

	begin_badly(tail, sizeof tail - 1, 1);
	begin("_emqx._tcp.t", DISCOVER_SRV);
	TURN_UNTIL(discover_status_get(d).rounds > 0);
	EQ(found.list.n, 0);
	end();
	end_badly();
}
