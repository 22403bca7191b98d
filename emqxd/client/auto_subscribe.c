/* SPDX-License-Identifier: Apache-2.0 */
/* auto_subscribe: see auto_subscribe.h. */
#include "emqxd/client/auto_subscribe.h"
#include "emqxd/client/given.h"
#include "emqxd/client/topics.h"
#include "emqxd/conf/snapshot.h"
#include "emqxd/core/log.h"
#include "emqxd/model/metrics.h"
#include "emqxd/model/placeholder.h"
#include "emqxd/model/topic.h"

/* The other nodes were asked. */
static void
on_given(void *arg, em_err err)
{
	(void)arg;
	if (err != EM_OK)
		metric_inc(METRIC_AUTO_SUBSCRIBE_IGNORED);
}

static em_err
subscribe(struct channel *ch, const struct auto_topic *a, const struct clientinfo *who,
    struct str *text)
{
	struct subopts o = { .qos = a->qos };
	struct topic_filter t;
	struct slice filter;

	if (placeholder_expand(a->topic, who, text) != PLACEHOLDER_FILLED)
		return EM_NOTFOUND;
	filter = str_slice(text);
	o.exclusive = slice_starts(filter, GIVEN_EXCLUSIVE);
	if (o.exclusive)
		filter = slice_from(filter, GIVEN_EXCLUSIVE.n);
	if (topic_filter_parse(filter, &t) != EM_OK ||
	    (o.exclusive && (t.group.n > 0 || !channel_zone(ch)->exclusive_subscription)))
		return EM_NOTFOUND;
	if (channel_is_v5(ch)) {
		o.retain_handling = a->retain_handling;
		o.retain_as_published = a->retain_as_published != 0;
		o.no_local = a->no_local != 0 && t.group.n == 0;
	}
	if (!topics_mount(ch->session, &t.filter))
		return EM_NOTFOUND;
	return given_subscribe(ch->session, &t, o, on_given, NULL);
}

void
auto_subscribe_run(struct channel *ch)
{
	const struct auto_topic *a = conf_get(CONF_AUTO_SUBSCRIBE);
	size_t n = conf_count(CONF_AUTO_SUBSCRIBE);
	struct clientinfo who;
	struct str text = { 0 };

	if (n == 0)
		return;
	who = session_info(ch->session);
	for (size_t i = 0; i < n; i++) {
		em_err err;

		str_reset(&text);
		err = subscribe(ch, &a[i], &who, &text);
		if (err == EM_OK || err == EM_AGAIN)
			continue;
		metric_inc(METRIC_AUTO_SUBSCRIBE_IGNORED);
		LOG(INFO, "auto_subscribe_ignored", "clientid", who.clientid, "topic",
		    str_slice(&text));
	}
	str_fini(&text);
}

/* ---- configuration */

#define AUTO(member_) CONF_MEMBER(struct auto_topic, member_)

static const struct conf_field fields[] = {
	{ .path = "topic",
	    AUTO(topic),
	    .type = CONF_TEXT,
	    .def = "",
	    .max = 65535,
	    .reload = CONF_NEW_CONNECTIONS,
	    .help =
		"Topic filter; ${clientid}, ${username}, ${host} and ${port} are "
		"filled in; it is left out, and counted (auto_subscribe.ignored), for "
		"a client that has no such name or one with + or #, and a filter of "
		"$exclusive/ that another client has" },
	{ .path = "qos",
	    AUTO(qos),
	    .type = CONF_INT,
	    .def = "0",
	    .min = 0,
	    .max = 2,
	    .reload = CONF_NEW_CONNECTIONS,
	    .help = "QoS of the subscription" },
	{ .path = "rh",
	    AUTO(retain_handling),
	    .type = CONF_INT,
	    .def = "0",
	    .min = 0,
	    .max = 2,
	    .reload = CONF_NEW_CONNECTIONS,
	    .help = "Retain Handling, of MQTT 5" },
	{ .path = "rap",
	    AUTO(retain_as_published),
	    .type = CONF_INT,
	    .def = "0",
	    .min = 0,
	    .max = 1,
	    .reload = CONF_NEW_CONNECTIONS,
	    .help = "Retain As Published, of MQTT 5" },
	{ .path = "nl",
	    AUTO(no_local),
	    .type = CONF_INT,
	    .def = "0",
	    .min = 0,
	    .max = 1,
	    .reload = CONF_NEW_CONNECTIONS,
	    .help = "No Local, of MQTT 5; nothing for a shared subscription" },
};

static void
settle(void *self, struct conf_settling *in)
{
	const struct auto_topic *a = self;
	struct topic_filter t;
	struct slice bad;

	if (a->topic[0] == '\0')
		conf_settling_fault(
		    in, "topic", "one such as c/${clientid}/#", "is missing");
	else if (topic_filter_parse(slice_str(a->topic), &t) != EM_OK)
		conf_settling_fault(in, "topic", "one such as c/${clientid}/#",
		    "this is no topic filter");
	if (!placeholder_check(a->topic, &bad))
		conf_settling_fault(in, "topic",
		    "there are ${clientid} ${username} ${host} ${port}",
		    "%.*s is no placeholder", SLICE_FMT(bad));
}

const struct conf_section auto_subscribe_conf = {
	.id = CONF_AUTO_SUBSCRIBE,
	.path = "auto_subscribe.topics.$name",
	.field = fields,
	.n = sizeof(fields) / sizeof(fields[0]),
	.size = sizeof(struct auto_topic),
	.name_at = offsetof(struct auto_topic, name),
	.is_list = true,
	.settle = settle,
};
