/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of discovery by Kubernetes, with a double of its API. */
#include "emqxd/discover/discover.h"
#include "tests/unit/discover/discover_house.h"
#include "tests/unit/core/http_double.h"

#include <sys/stat.h>

#define WHERE "/api/v1/namespaces/prod/endpoints/emqx-headless"

static const char good[] =
    "{\"kind\":\"Endpoints\",\"subsets\":[{\"addresses\":["
    "{\"ip\":\"10.1.0.12\",\"hostname\":\"emqx-1\"},{\"ip\":\"10.1.0.3\",\"hostname\":"
    "\"emqx-0\"}],\"notReadyAddresses\":[{\"ip\":\"10.1.0.20\",\"hostname\":\"emqx-2\"}],"
    "\"ports\":[{\"port\":1883}]}]}";

static char seen[4096];
static const char *_Atomic answer_json;
static const char *answer_raw;
static int answer_status;

static bool
answer(void *arg, const char *head, const char *body, struct str *out)
{
	(void)arg, (void)body;
	snprintf(seen, sizeof seen, "%s\n", head);
	if (answer_raw != NULL)
		str_add(out, answer_raw);
	else
		http_double_answer(out, answer_status, answer_json);
	return true;
}

static struct http_double api;
static struct found found;
static struct discover *d;
static char account[] = "/tmp/test_discover_k8s.XXXXXX";

static void
begin(enum discover_kind kind, int status, const char *json, const char *raw)
{
	struct discover_conf c = house_conf(DISCOVER_K8S);
	char path[128];
	FILE *token;

	found = (struct found){ 0 };
	answer_status = status;
	answer_json = json;
	answer_raw = raw;
	memcpy(account + sizeof account - 7, "XXXXXX", 6);
	OK(mkdtemp(account) != NULL);
	snprintf(path, sizeof path, "%s/token", account);
	token = fopen(path, "w");
	fputs("se.cr-et\r\nX-Evil: 1\n", token);
	fclose(token);
	house_open();
	http_double_start(&api, answer, NULL);
	c.k8s.apiserver = api.url;
	c.k8s.service_name = "emqx-headless";
	c.k8s.namespace = "prod";
	c.k8s.suffix = kind == DISCOVER_POD ? "pod.cluster.local" : "svc.cluster.local";
	c.k8s.address_type = kind;
	c.k8s.account = account;
	d = discover_start(&c, house_on_found, &found);
}

static void
end(void)
{
	char path[128];

	discover_stop(&d);
	house_close();
	http_double_stop(&api);
	snprintf(path, sizeof path, "%s/token", account);
	unlink(path);
	rmdir(account);
}

TEST(pods_of_a_service_are_found_by_IP_ready_or_not)
{
	begin(DISCOVER_IP, 200, good, NULL);
	TURN_UNTIL(found.rounds > 0);
	STR_EQ(house_texts(&found.list),
	    "emqx@10.1.0.3:4370 emqx@10.1.0.12:4370 emqx@10.1.0.20:4370");
	end();
}

TEST(it_asks_for_the_endpoints_with_the_token_of_the_service_account)
{
	begin(DISCOVER_IP, 200, good, NULL);
	TURN_UNTIL(found.rounds > 0);
	OK(strncmp(seen, "GET " WHERE " HTTP/1.1\r\n", strlen(WHERE) + 15) == 0);
	OK(strstr(seen, "\r\nAuthorization: Bearer se.cr-et\r\n") != NULL ||
	    strstr(seen, "\r\nAuthorization: Bearer se.cr-et\n") != NULL);
	OK(strstr(seen, "Evil") == NULL);
	end();
}

TEST(pods_are_found_by_the_names_that_their_IP_or_their_StatefulSet_gives)
{
	begin(DISCOVER_POD, 200, good, NULL);
	TURN_UNTIL(found.rounds > 0);
	OK(strstr(house_texts(&found.list),
	       "emqx@10-1-0-3.prod.pod.cluster.local:4370") != NULL);
	end();
	begin(DISCOVER_HOSTNAME, 200, good, NULL);
	TURN_UNTIL(found.rounds > 0);
	STR_EQ(house_texts(&found.list),
	    "emqx@emqx-0.emqx-headless.prod.svc.cluster.local:4370 "
	    "emqx@emqx-1.emqx-headless.prod.svc.cluster.local:4370 "
	    "emqx@emqx-2.emqx-headless.prod.svc.cluster.local:4370");
	end();
}

TEST(a_service_without_pods_is_an_answer_too)
{
	begin(DISCOVER_IP, 200, "{\"kind\":\"Endpoints\"}", NULL);
	TURN_UNTIL(found.rounds > 0);
	EQ(found.list.n, 0);
	end();
}

TEST(a_pod_without_a_hostname_or_with_a_strange_IP_is_left_out_and_counted)
{
	begin(DISCOVER_HOSTNAME, 200,
	    "{\"subsets\":[{\"addresses\":[{\"ip\":\"10.1.0.1\"},{\"hostname\":"
	    "\"a\\u001b\"},"
	    "{\"hostname\":7},\"x\",{\"hostname\":\"emqx-0\"}]},7,{\"addresses\":3}]}",
	    NULL);
	TURN_UNTIL(found.rounds > 0);
	EQ(found.list.n, 1);
	EQ(found.list.refused, 4);
	end();
}

TEST(a_refusal_is_told_with_what_the_server_said)
{
	begin(DISCOVER_IP, 403, "{\"message\":\"endpoints is forbidden\"}", NULL);
	TURN_UNTIL(discover_status_get(d).failed > 0);
	OK(strstr(discover_status_get(d).why,
	       "answered 403: {\"message\":\"endpoints is") != NULL);
	EQ(found.rounds, 0);
	end();
}

TEST(garbage_is_no_JSON_and_the_next_round_may_be_better)
{
	begin(DISCOVER_IP, 200, "{\"subsets\":[{", NULL);
	TURN_UNTIL(discover_status_get(d).failed > 0);
	OK(strstr(discover_status_get(d).why, "no JSON object") != NULL);
	answer_json = good;
	TURN_UNTIL(found.rounds > 0);
	EQ(found.list.n, 3);
	OK(discover_status_get(d).why == NULL);
	end();
}

TEST(an_answer_that_is_cut_or_huge_is_a_failure)
{
	static char huge[3 << 20];

	begin(DISCOVER_IP, 200, NULL,
	    "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{\"sub");
	TURN_UNTIL(discover_status_get(d).failed > 0);
	end();
	memset(huge, ' ', sizeof huge - 1);
	begin(DISCOVER_IP, 200, huge, NULL);
	TURN_UNTIL(discover_status_get(d).failed > 0);
	OK(strstr(discover_status_get(d).why, "more than 1048576 bytes") != NULL);
	end();
}
