/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discover_k8s: the pods behind a service, from the endpoints API of Kubernetes.
 *
 * Asks as the pod's service account does: the token and ca.crt of its folder, read anew
 * for each round since they change.  Without a ca.crt an https server must have a
 * certificate that the system trusts.  Pods that are not ready count too: they may be
 * waiting for the cluster.
 *
 * cluster.k8s.address_type: ip takes 10.1.2.3; dns 10-1-2-3.NAMESPACE.SUFFIX; hostname
 * HOSTNAME.SERVICE.NAMESPACE.SUFFIX, which only pods of a StatefulSet have.
 */
#include "emqxd/discover/discover_round.h"
#include "emqxd/core/http.h"
#include "ipc/base/mem.h"

#include <cjson/cJSON.h>
#include <fcntl.h>
#include <unistd.h>

#define ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"

enum { TOKEN_MAX = 64 * 1024 };

static void
set_path(struct str *out, const struct discover_conf *c, const char *file)
{
	str_addf(
	    out, "%s/%s", c->k8s.account[0] != '\0' ? c->k8s.account : ACCOUNT, file);
}

/* The token without the newline; nothing when there is no file. */
static void
read_token(const struct discover_conf *c, struct str *out)
{
	struct str path = { 0 };
	char *buf = mem_new(TOKEN_MAX);
	ssize_t n = -1;
	int fd;

	set_path(&path, c, "token");
	fd = open(str_get(&path), O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, buf, TOKEN_MAX);
		close(fd);
	}
	/* What would end the header's line has no place in it. */
	for (ssize_t i = 0; i < n && buf[i] > ' '; i++)
		str_add_char(out, buf[i]);
	mem_free(buf);
	str_fini(&path);
}

static em_err
ask(struct discover_round *r, struct str *answer)
{
	const struct discover_conf *c = r->conf;
	struct str url = { 0 }, ca = { 0 }, token = { 0 };
	em_err err;

	str_addf(&url, "%s/api/v1/namespaces/%s/endpoints/%s", c->k8s.apiserver,
	    c->k8s.namespace, c->k8s.service_name);
	set_path(&ca, c, "ca.crt");
	read_token(c, &token);
	err =
	    http_run(&(struct http_call){ .url = str_get(&url),
			 .bearer = str_get(&token),
			 .cacert = access(str_get(&ca), R_OK) == 0 ? str_get(&ca) : NULL,
			 .timeout = DISCOVER_CALL_LIMIT,
			 .max = DISCOVER_ANSWER_MAX,
			 .is_cancelled = r->is_cancelled },
		answer, &r->fault);
	if (err == EM_DENIED)
		fault_hint(&r->fault,
		    "the service account needs the verb get on endpoints in namespace %s",
		    c->k8s.namespace);
	str_fini(&token);
	str_fini(&ca);
	str_fini(&url);
	return err;
}

static const char *
text_of(const cJSON *object, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, key);

	return cJSON_IsString(v) ? v->valuestring : "";
}

static void
set_host(const struct discover_conf *c, const cJSON *address, struct str *out)
{
	const char *ip = text_of(address, "ip"), *name = text_of(address, "hostname");
	bool has_suffix = c->k8s.suffix[0] != '\0';

	switch (c->k8s.address_type) {
	case DISCOVER_IP: str_add(out, ip); return;
	case DISCOVER_POD:
		for (; *ip != '\0'; ip++)
			str_add_char(out, *ip == '.' || *ip == ':' ? '-' : *ip);
		if (out->n > 0)
			str_addf(out, ".%s", c->k8s.namespace);
		break;
	case DISCOVER_HOSTNAME:
		if (name[0] != '\0')
			str_addf(
			    out, "%s.%s.%s", name, c->k8s.service_name, c->k8s.namespace);
		break;
	}
	if (out->n > 0 && has_suffix)
		str_addf(out, ".%s", c->k8s.suffix);
}

static void
add_all(struct discover_round *r, const cJSON *addresses)
{
	const cJSON *address;
	struct str host = { 0 };

	cJSON_ArrayForEach(address, addresses)
	{
		str_reset(&host);
		set_host(r->conf, address, &host);
		discover_round_add_host(r, str_get(&host), r->conf->me.port);
	}
	str_fini(&host);
}

em_err
discover_k8s_look(struct discover_round *r)
{
	struct str answer = { 0 };
	em_err err = ask(r, &answer);
	const cJSON *subset, *subsets;
	cJSON *json = NULL;

	if (err == EM_OK) {
		json = discover_round_json(r, r->conf->k8s.apiserver, str_slice(&answer));
		err = json != NULL ? EM_OK : EM_MALFORMED;
	}
	subsets = cJSON_GetObjectItemCaseSensitive(json, "subsets");
	cJSON_ArrayForEach(subset, subsets)
	{
		add_all(r, cJSON_GetObjectItemCaseSensitive(subset, "addresses"));
		add_all(r, cJSON_GetObjectItemCaseSensitive(subset, "notReadyAddresses"));
	}
	cJSON_Delete(json);
	str_fini(&answer);
	return err;
}
