/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of calls to web services. */
#include "emqxd/core/http.h"
#include "ipc/base/mem.h"
#include "tests/unit/core/http_double.h"
#include "tests/unit/tap.h"

#include <curl/curl.h>

static char seen_head[4096], seen_body[4096];
static const char *raw; /* what the double says, byte for byte */
static bool is_over;    /* and then it closes */

static bool
answer(void *arg, const char *head, const char *body, struct str *out)
{
	(void)arg;
	snprintf(seen_head, sizeof seen_head, "%s", head);
	snprintf(seen_body, sizeof seen_body, "%s", body);
	if (raw != NULL)
		str_add(out, raw);
	else
		http_double_answer(out, 200, "{\"well\":true}");
	return is_over;
}

/* One call to a double that says @what (NULL: a good answer) and, unless @hangs, closes. */
static em_err
ask(struct http_call c, const char *what, bool hangs, struct str *out, struct fault *f)
{
	struct http_double d;
	em_err err;

	raw = what;
	is_over = !hangs;
	http_double_start(&d, answer, NULL);
	c.url = d.url;
	if (c.timeout.ns == 0)
		c.timeout = span_s(10);
	if (c.max == 0)
		c.max = 1000;
	err = http_run(&c, out, f);
	http_double_stop(&d);
	return err;
}

TEST(a_call_without_a_body_is_a_GET_and_gives_the_whole_answer)
{
	struct str out = { 0 };
	struct fault f = { 0 };

	OK(ask((struct http_call){ .bearer = "abc" }, NULL, false, &out, &f) == EM_OK);
	STR_EQ(str_get(&out), "{\"well\":true}");
	OK(strncmp(seen_head, "GET / HTTP/1.1", 14) == 0);
	OK(strstr(seen_head, "\r\nAuthorization: Bearer abc") != NULL);
	str_fini(&out);
}

TEST(a_call_with_a_body_is_a_POST_of_JSON)
{
	struct str out = { 0 };

	OK(ask((struct http_call){ .body = SLICE_LIT("{\"a\":1}") }, NULL, false, &out,
	       NULL) == EM_OK);
	OK(strncmp(seen_head, "POST / HTTP/1.1", 15) == 0);
	OK(strstr(seen_head, "application/json") != NULL);
	STR_EQ(seen_body, "{\"a\":1}");
	str_fini(&out);
}

TEST(a_refusal_says_what_was_answered_with_its_bytes_escaped)
{
	struct str out = { 0 };
	struct fault f = { 0 };

	OK(ask((struct http_call){ 0 },
	       "HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\nno\033[m", false, &out,
	       &f) == EM_DENIED);
	OK(strstr(f.text, "answered 403: no\\x1b[m") != NULL);
	OK(ask((struct http_call){ 0 }, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
	       false, &out, &f) == EM_NOTFOUND);
	OK(ask((struct http_call){ 0 },
	       "HTTP/1.1 302 No\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: "
	       "0\r\n\r\n",
	       false, &out, &f) == EM_FAILED);
	fault_clear(&f);
	str_fini(&out);
}

TEST(an_answer_that_is_too_big_is_given_up)
{
	struct str out = { 0 };
	struct fault f = { 0 };

	OK(ask((struct http_call){ .max = 12 }, NULL, false, &out, &f) == EM_TOOBIG);
	OK(strstr(f.text, "more than 12 bytes") != NULL);
	OK(out.n <= 12);
	OK(ask((struct http_call){ .max = 13 }, NULL, false, &out, NULL) == EM_OK);
	fault_clear(&f);
	str_fini(&out);
}

TEST(what_is_cut_or_no_HTTP_is_an_error)
{
	struct str out = { 0 };

	OK(ask((struct http_call){ 0 },
	       "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", false, &out,
	       NULL) == EM_IO);
	OK(ask((struct http_call){ 0 }, "", false, &out, NULL) == EM_IO);
	OK(ask((struct http_call){ 0 }, "\1\2\3\4 what is this\r\n\r\n", false, &out,
	       NULL) == EM_IO);
	str_fini(&out);
}

TEST(an_answer_that_does_not_come_ends_with_the_time)
{
	struct str out = { 0 };
	struct http_call c = { .timeout = span_ms(50) };

	OK(ask(c, "", true, &out, NULL) == EM_TIMEOUT);
	OK(ask(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nslow", true, &out,
	       NULL) == EM_TIMEOUT);
	str_fini(&out);
}

TEST(a_call_that_is_cancelled_ends)
{
	static _Atomic bool is_cancelled = true;
	struct str out = { 0 };
	struct http_call c = { .is_cancelled = &is_cancelled };

	OK(ask(c, "", true, &out, NULL) == EM_CANCELLED);
	str_fini(&out);
}

TEST(nobody_there_and_what_is_no_URL_are_told_apart)
{
	struct str out = { 0 };
	struct fault f = { 0 };
	struct http_call c = {
		.url = "http://127.0.0.1:1/x", .timeout = span_s(5), .max = 9
	};

	OK(http_run(&c, &out, &f) == EM_UNREACHABLE);
	OK(strstr(f.text, "127.0.0.1:1: ") == f.text);
	c.url = "file:///etc/passwd";
	OK(http_run(&c, &out, &f) == EM_USAGE);
	c.url = "https://127.0.0.1:1/x";
	c.cacert = "/nonexistent/ca.pem";
	OK(http_run(&c, &out, &f) != EM_OK);
	fault_clear(&f);
	str_fini(&out);
}

TEST(the_host_of_a_URL_is_told_without_user_and_path)
{
	struct slice host = http_host("https://user:secret@h:2379/v3/kv");

	OK(slice_eq_str(host, "h:2379"));
	OK(slice_eq_str(http_host("h"), "h"));
}

TEST(libcurl_may_be_begun_by_any_thread)
{
	OK((curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_THREADSAFE) != 0);
}
