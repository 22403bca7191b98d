/* SPDX-License-Identifier: Apache-2.0 */
/* rewrite: see rewrite.h. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "emqxd/client/rewrite.h"
#include "emqxd/conf/snapshot.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/model/metrics.h"
#include "emqxd/model/placeholder.h"
#include "emqxd/model/topic.h"
#include "ipc/base/mem.h"

#include <pcre2.h>

#define GROUP ((char)0xff) /* before the number of a group: a byte that no UTF-8 has */
#define WORK_MAX 10000u    /* PCRE's match limit: microseconds, not seconds */

struct compiled {
	char *source, *dest; /* copies */
	uint8_t action;
	pcre2_code *code;
};

struct rewrite_set {
	pcre2_match_context *limits;
	size_t n;
	struct compiled rule[];
};

/* ---- the rules */

static void
set_free(struct rewrite_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		struct compiled *c = &set->rule[i];

		pcre2_code_free(c->code);
		mem_free(c->source);
		mem_free(c->dest);
	}
	pcre2_match_context_free(set->limits);
	mem_free(set);
}

static void
retired_set(void *p, size_t n)
{
	(void)n;
	set_free(p);
}

static pcre2_code *
compile(const char *re, PCRE2_SIZE *at, int *error)
{
	return pcre2_compile(
	    (PCRE2_SPTR)re, PCRE2_ZERO_TERMINATED, PCRE2_UTF, error, at, NULL);
}

/* $1 .. $9 of a rule, and not of a name that a client chose. */
static char *
mark_groups(const char *dest)
{
	char *copy = mem_strdup(dest);

	for (char *p = copy; *p != '\0'; p++) {
		if (p[0] == '$' && p[1] >= '0' && p[1] <= '9')
			*p++ = GROUP;
	}
	return copy;
}

static struct rewrite_set *
set_new(const struct rewrite_rule *rules, size_t n)
{
	struct rewrite_set *set = mem_new(sizeof *set + n * sizeof set->rule[0]);

	set->limits = pcre2_match_context_create(NULL);
	CHECK(set->limits != NULL);
	pcre2_set_match_limit(set->limits, WORK_MAX);
	for (size_t i = 0; i < n; i++) {
		struct compiled *c = &set->rule[set->n];
		PCRE2_SIZE at;
		int error;

		c->code = compile(rules[i].re, &at, &error);
		if (c->code == NULL)
			continue; /* settle() has refused it: there is no memory */
		c->source = mem_strdup(rules[i].source_topic);
		c->dest = mark_groups(rules[i].dest_topic);
		c->action = rules[i].action;
		set->n++;
	}
	return set;
}

static _Atomic(struct rewrite_set *) *
place(void)
{
	return client_node() != NULL ? &client_node()->rewrite : NULL;
}

const struct rewrite_set *
rewrite_rules(void)
{
	return place() != NULL ? atomic_load_explicit(place(), memory_order_acquire)
			       : NULL;
}

void
rewrite_configure(void)
{
	size_t n = conf_count(CONF_REWRITE);
	struct rewrite_set *set = n > 0 ? set_new(conf_get(CONF_REWRITE), n) : NULL;

	set = atomic_exchange(place(), set);
	if (set != NULL)
		qsbr_retire(set, sizeof *set, retired_set);
}

void
rewrite_death(void)
{
	struct rewrite_set *set = atomic_exchange(place(), NULL);

	if (set != NULL)
		set_free(set);
}

/* ---- one topic */

/* The groups of the match at their marks, the other bytes as they are. */
static void
fill_groups(struct slice text, struct slice topic, const PCRE2_SIZE *groups, unsigned n,
    struct str *out)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned g = i + 1 < text.n ? text.p[i + 1] - (unsigned)'0' : 10;

		if ((char)text.p[i] != GROUP || g > 9) {
			str_add_char(out, (char)text.p[i]);
			continue;
		}
		i++;
		if (g < n && groups[2 * g] != PCRE2_UNSET)
			str_add_bytes(out, topic.p + groups[2 * g],
			    groups[2 * g + 1] - groups[2 * g]);
	}
}

static bool
replace(const struct rewrite_set *set, const struct compiled *c,
    const struct clientinfo *who, struct slice topic, struct str *out)
{
	pcre2_match_data *match = pcre2_match_data_create_from_pattern(c->code, NULL);
	struct str dest = { 0 };
	int n;

	if (match == NULL)
		return false;
	n = pcre2_match(
	    c->code, topic.p, topic.n, 0, PCRE2_NO_UTF_CHECK, match, set->limits);
	if (n == PCRE2_ERROR_MATCHLIMIT)
		metric_inc(METRIC_REWRITE_GIVEN_UP);
	/* A name with a wildcard makes nothing that could be subscribed or published to. */
	if (n > 0 && placeholder_expand(c->dest, who, &dest) != PLACEHOLDER_WILD)
		fill_groups(str_slice(&dest), topic, pcre2_get_ovector_pointer(match),
		    (unsigned)n, out);
	str_fini(&dest);
	pcre2_match_data_free(match);
	return n > 0;
}

bool
rewrite_apply(const struct clientinfo *who, enum topics_use use, struct slice topic,
    struct str *out)
{
	const struct rewrite_set *set = rewrite_rules();

	for (size_t i = set != NULL ? set->n : 0; i-- > 0;) {
		const struct compiled *c = &set->rule[i];

		if ((c->action & use) != 0 && topic_match(slice_str(c->source), topic))
			return replace(set, c, who, topic, out);
	}
	return false;
}

/* ---- configuration */

#define RULE(member_) CONF_MEMBER(struct rewrite_rule, member_)

static const struct conf_word actions[] = { { "publish", TOPICS_PUBLISH },
	{ "subscribe", TOPICS_SUBSCRIBE }, { "all", TOPICS_PUBLISH | TOPICS_SUBSCRIBE },
	{ NULL, 0 } };

static const struct conf_field fields[] = {
	{ .path = "action",
	    RULE(action),
	    .type = CONF_ENUM,
	    .def = "all",
	    .words = actions,
	    .reload = CONF_NEW_CONNECTIONS,
	    .help = "Whose topics: those that are published to, subscribed to, or all" },
	{ .path = "source_topic",
	    RULE(source_topic),
	    .type = CONF_TEXT,
	    .def = "",
	    .max = 65535,
	    .reload = CONF_NEW_CONNECTIONS,
	    .help = "Topic filter of the topics that the rule is for; of several rules "
		    "that fit the last one counts" },
	{ .path = "re",
	    RULE(re),
	    .type = CONF_TEXT,
	    .def = "",
	    .max = 65535,
	    .reload = CONF_NEW_CONNECTIONS,
	    .help = "Regular expression (PCRE) that such a topic must match, else it "
		    "stays as it is; empty: every one matches" },
	{ .path = "dest_topic",
	    RULE(dest_topic),
	    .type = CONF_TEXT,
	    .def = "",
	    .max = 65535,
	    .reload = CONF_NEW_CONNECTIONS,
	    .help = "What it becomes; $1 to $9 are the groups of the expression, "
		    "${clientid}, ${username}, ${host} and ${port} the client's" },
};

/* Does it name a group that the expression does not have? */
static void
check_groups(
    const struct rewrite_rule *r, const pcre2_code *code, struct conf_settling *in)
{
	uint32_t n = 9;

	if (code != NULL)
		pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &n);
	for (const char *p = r->dest_topic; (p = strchr(p, '$')) != NULL; p++) {
		if (p[1] > '0' && p[1] <= '9' && (uint32_t)(p[1] - '0') > n)
			conf_settling_fault(in, "dest_topic", NULL,
			    "$%c: the expression has %u groups", p[1], n);
	}
}

static void
settle(void *self, struct conf_settling *in)
{
	struct rewrite_rule *r = self;
	char text[128];
	PCRE2_SIZE at;
	pcre2_code *code;
	struct slice bad;
	int error;

	if (r->source_topic[0] == '\0')
		conf_settling_fault(
		    in, "source_topic", "a filter such as x/#", "is missing");
	else if (!topic_filter_is_valid(slice_str(r->source_topic)))
		conf_settling_fault(in, "source_topic", "a filter such as x/#",
		    "this is no topic filter");
	if (r->dest_topic[0] == '\0')
		conf_settling_fault(
		    in, "dest_topic", "a topic such as z/$1", "is missing");
	else if (!topic_filter_is_valid(slice_str(r->dest_topic)) ||
		 ((r->action & TOPICS_PUBLISH) != 0 &&
		     topic_has_wildcard(slice_str(r->dest_topic))))
		conf_settling_fault(in, "dest_topic",
		    "a rule for publish makes a topic without + and #",
		    "this is no topic that the rule could make");
	if (!placeholder_check(r->dest_topic, &bad))
		conf_settling_fault(in, "dest_topic",
		    "there are ${clientid} ${username} ${host} ${port}",
		    "%.*s is no placeholder", SLICE_FMT(bad));
	code = compile(r->re, &at, &error);
	if (code == NULL) {
		pcre2_get_error_message(error, (PCRE2_UCHAR *)text, sizeof text);
		conf_settling_fault(
		    in, "re", NULL, "at character %zu: %s", (size_t)at + 1, text);
	}
	check_groups(r, code, in);
	pcre2_code_free(code);
}

const struct conf_section rewrite_conf = {
	.id = CONF_REWRITE,
	.path = "rewrite.$name",
	.field = fields,
	.n = sizeof(fields) / sizeof(fields[0]),
	.size = sizeof(struct rewrite_rule),
	.name_at = offsetof(struct rewrite_rule, name),
	.is_list = true,
	.settle = settle,
};
