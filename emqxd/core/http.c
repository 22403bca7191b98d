/* SPDX-License-Identifier: Apache-2.0 */
/* http: see http.h. */
#include "emqxd/core/http.h"

#include <curl/curl.h>
#include <stdio.h>

enum { EXCERPT_MAX = 160 }; /* bytes of a refusal that are told */

struct exchange {
	const struct http_call *call;
	struct str *answer;
	bool is_too_big;
	char why[CURL_ERROR_SIZE];
};

struct slice
http_host(const char *url)
{
	struct slice s = slice_str(url);
	const char *scheme = strstr(url, "://");
	size_t n = 0;

	if (scheme != NULL)
		s = slice_from(s, (size_t)(scheme - url) + 3);
	while (n < s.n && s.p[n] != '/')
		n++;
	s = slice_head(s, n);
	for (n = s.n; n > 0; n--)
		if (s.p[n - 1] == '@')
			return slice_from(s, n);
	return s;
}

static size_t
on_bytes(char *p, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	size_t bytes = size * n;

	if (bytes > x->call->max - x->answer->n) {
		x->is_too_big = true;
		return bytes + 1; /* not what came: curl gives up */
	}
	str_add_bytes(x->answer, p, bytes);
	return bytes;
}

static int
on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct exchange *x = arg;

	(void)a, (void)b, (void)c, (void)d;
	return x->call->is_cancelled != NULL && atomic_load(x->call->is_cancelled);
}

static const char *
text_or_null(const char *text)
{
	return text != NULL && text[0] != '\0' ? text : NULL;
}

static void
set_security(CURL *curl, const struct http_call *c)
{
	if (text_or_null(c->cacert) != NULL)
		curl_easy_setopt(curl, CURLOPT_CAINFO, c->cacert);
	if (text_or_null(c->cert) != NULL)
		curl_easy_setopt(curl, CURLOPT_SSLCERT, c->cert);
	if (text_or_null(c->key) != NULL)
		curl_easy_setopt(curl, CURLOPT_SSLKEY, c->key);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, c->is_lenient ? 0L : 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, c->is_lenient ? 0L : 2L);
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
}

static void
set_bounds(CURL *curl, struct exchange *x)
{
	long ms = (long)span_to_ms(x->call->timeout);

	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, ms);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, ms);
	/* A look-up that takes longer than the call is left to end by itself. */
	curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, x);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, x->why);
}

static em_err
err_of(CURLcode code, const struct exchange *x)
{
	static const struct {
		CURLcode code;
		em_err err;
	} errors[] = {
		{ CURLE_OPERATION_TIMEDOUT, EM_TIMEOUT },
		{ CURLE_ABORTED_BY_CALLBACK, EM_CANCELLED },
		{ CURLE_COULDNT_RESOLVE_HOST, EM_UNREACHABLE },
		{ CURLE_COULDNT_CONNECT, EM_UNREACHABLE },
		{ CURLE_URL_MALFORMAT, EM_USAGE },
		{ CURLE_SSL_CERTPROBLEM, EM_USAGE },
		{ CURLE_SSL_CACERT_BADFILE, EM_USAGE },
		{ CURLE_PEER_FAILED_VERIFICATION, EM_DENIED },
		{ CURLE_OUT_OF_MEMORY, EM_NOMEM },
	};

	if (x->is_too_big)
		return EM_TOOBIG;
	for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
		if (errors[i].code == code)
			return errors[i].err;
	return EM_IO;
}

static em_err
fail(CURLcode code, const struct exchange *x, struct fault *f)
{
	struct slice host = http_host(x->call->url);

	if (x->is_too_big)
		return fault_set(f, EM_TOOBIG, "%.*s: the answer has more than %zu bytes",
		    SLICE_FMT(host), x->call->max);
	return fault_set(f, err_of(code, x), "%.*s: %s", SLICE_FMT(host),
	    x->why[0] != '\0' ? x->why : curl_easy_strerror(code));
}

/* An answer, but not the one that was wanted. */
static em_err
refuse(long status, const struct exchange *x, struct fault *f)
{
	struct slice host = http_host(x->call->url);
	struct str said = { 0 };
	em_err err = status == 401 || status == 403 ? EM_DENIED
		     : status == 404                ? EM_NOTFOUND
						    : EM_FAILED;

	str_add_escaped(&said, slice_head(str_slice(x->answer), EXCERPT_MAX));
	fault_set(f, err, "%.*s: answered %ld%s%s", SLICE_FMT(host), status,
	    said.n > 0 ? ": " : "", str_get(&said));
	str_fini(&said);
	return err;
}

static struct curl_slist *
headers_of(const struct http_call *c)
{
	struct curl_slist *list = NULL;
	struct str line = { 0 };

	if (c->body.n > 0)
		list = curl_slist_append(list, "Content-Type: application/json");
	if (text_or_null(c->bearer) != NULL) {
		str_addf(&line, "Authorization: Bearer %s", c->bearer);
		list = curl_slist_append(list, str_get(&line));
	}
	str_fini(&line);
	return list;
}

static bool
has_scheme(const char *url)
{
	return strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
}

em_err
http_run(const struct http_call *c, struct str *answer, struct fault *f)
{
	struct exchange x = { .call = c, .answer = answer };
	struct curl_slist *headers = NULL;
	CURL *curl;
	em_err err = EM_OK;
	long status = 0;
	CURLcode code;

	CHECK(c->url != NULL && c->max > 0 && c->timeout.ns > 0);
	str_reset(answer);
	if (!has_scheme(c->url)) {
		fault_set(f, EM_USAGE, "%.*s: no URL of a web service",
		    SLICE_FMT(http_host(c->url)));
		fault_hint(f, "it begins with http:// or https://");
		return EM_USAGE;
	}
	curl = curl_easy_init();
	if (curl == NULL)
		return fault_set(f, EM_NOMEM, "no memory for a call");
	headers = headers_of(c);
	set_bounds(curl, &x);
	set_security(curl, c);
	curl_easy_setopt(curl, CURLOPT_URL, c->url);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	if (c->body.n > 0) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)c->body.n);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, c->body.p);
	}
	code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (code != CURLE_OK)
		err = fail(code, &x, f);
	else if (status >= 300 || status < 200)
		err = refuse(status, &x, f);
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	return err;
}
