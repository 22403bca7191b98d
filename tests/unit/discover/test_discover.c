/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of rounds of discovery, with the list that is written down. */
#include "emqxd/discover/discover.h"
#include "tests/unit/discover/discover_house.h"

static const char *seeds[] = { "emqx@10.0.0.9", "emqx@10.0.0.8:5000", "10.0.0.7",
	"not an address" };

TEST(manual_and_singleton_find_nothing)
{
	struct discover_conf c = house_conf(DISCOVER_MANUAL);

	house_open();
	OK(discover_start(&c, house_on_found, NULL) == NULL);
	c.strategy = DISCOVER_SINGLETON;
	OK(discover_start(&c, house_on_found, NULL) == NULL);
	OK(discover_status_get(NULL).rounds == 0);
	house_close();
}

TEST(seeds_are_told_round_after_round_and_what_is_none_is_counted)
{
	struct discover_conf c = house_conf(DISCOVER_STATIC);
	struct found f = { 0 };
	struct discover *d;

	house_open();
	c.seeds = (struct conf_list){ seeds, 4 };
	d = discover_start(&c, house_on_found, &f);
	EQ(f.rounds, 0); /* never from within */
	TURN_UNTIL(f.rounds == 1);
	STR_EQ(house_texts(&f.list),
	    "emqx@10.0.0.7:4370 emqx@10.0.0.8:5000 emqx@10.0.0.9:4370");
	EQ(f.unchanged, 0);
	OK(discover_first(&f.list, &c.me));
	OK(f.list.item[0].is_me && !f.list.item[1].is_me);
	TURN_UNTIL(f.rounds == 3);
	EQ(f.unchanged, 2);
	EQ(discover_status_get(d).found, 3);
	EQ(discover_status_get(d).refused, 3);
	OK(discover_status_get(d).why == NULL);
	discover_stop(&d);
	OK(d == NULL);
	house_close();
}

TEST(an_address_of_this_machine_at_our_port_is_ours_whatever_we_call_ourselves)
{
	const char *lo[] = { "127.0.0.1", "127.0.0.1:4371" };
	struct discover_conf c = house_conf(DISCOVER_STATIC);
	struct found f = { 0 };
	struct discover *d;

	house_open();
	c.seeds = (struct conf_list){ lo, 2 };
	snprintf(c.me.host, sizeof c.me.host, "some.name");
	d = discover_start(&c, house_on_found, &f);
	TURN_UNTIL(f.rounds == 1);
	OK(f.list.item[0].is_me && !f.list.item[1].is_me);
	discover_stop(&d);
	house_close();
}

TEST(again_begins_a_round_now)
{
	struct discover_conf c = house_conf(DISCOVER_STATIC);
	struct found f = { 0 };
	struct discover *d;

	house_open();
	c.seeds = (struct conf_list){ seeds, 1 };
	c.pace = span_s(1000);
	d = discover_start(&c, house_on_found, &f);
	TURN_UNTIL(f.rounds == 1);
	discover_again(d);
	TURN_UNTIL(f.rounds == 2);
	discover_again(NULL);
	discover_stop(&d);
	house_close();
}

/* ---- who ends it, when */

struct ender {
	struct discover *d;
	unsigned rounds;
};

static void
end_it(void *arg, const struct discover_list *list, unsigned unchanged)
{
	struct ender *e = arg;

	(void)list, (void)unchanged;
	e->rounds++;
	discover_stop(&e->d);
}

TEST(it_may_be_stopped_from_what_it_calls)
{
	struct discover_conf c = house_conf(DISCOVER_STATIC);
	struct ender e = { 0 };

	house_open();
	c.seeds = (struct conf_list){ seeds, 1 };
	e.d = discover_start(&c, end_it, &e);
	TURN_UNTIL(e.d == NULL);
	EQ(e.rounds, 1);
	house_close();
}

TEST(it_may_be_stopped_before_and_while_a_round_is_under_way)
{
	struct discover_conf c = house_conf(DISCOVER_STATIC);
	struct found f = { 0 };
	struct discover *d;

	house_open();
	c.seeds = (struct conf_list){ seeds, 1 };
	d = discover_start(&c, house_on_found, &f);
	discover_stop(&d);
	d = discover_start(&c, house_on_found, &f);
	discover_again(d);
	loop_turn(worker_self()->loop); /* the job is posted, its letter is not read */
	discover_stop(&d);
	house_close();
	EQ(f.rounds, 0);
}

/* ---- what is said */

static unsigned
lines_of(const char *path, const char *what)
{
	char line[1024];
	unsigned n = 0;
	FILE *file = fopen(path, "r");

	while (file != NULL && fgets(line, sizeof line, file) != NULL)
		n += strstr(line, what) != NULL;
	if (file != NULL)
		fclose(file);
	return n;
}

TEST(a_failure_is_said_once_counted_and_tried_again_until_it_is_over)
{
	struct discover_conf c = house_conf(DISCOVER_STATIC);
	char path[] = "/tmp/test_discover.XXXXXX";
	int fd = mkstemp(path), was = dup(2);
	struct found f = { 0 };
	struct discover *d;

	house_open();
	dup2(fd, 2);
	d = discover_start(&c, house_on_found, &f); /* no seeds */
	TURN_UNTIL(discover_status_get(d).failed >= 3);
	dup2(was, 2);
	STR_EQ(discover_status_get(d).why, "cluster.static.seeds names no node");
	EQ(f.rounds, 0);
	EQ(lines_of(path, "discovery_failed"), 1);
	discover_stop(&d);
	house_close();
	unlink(path);
	close(fd);
	close(was);
}
