/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of calls to web services. */
#include "emqxd/core/http.h"
#include "ipc/base/mem.h"
#include "tests/unit/core/http_double.h"
#include "tests/unit/tap.h"

#include <curl/curl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

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

/* ---- TLS, with openssl's server */

static char folder[] = "/tmp/test_http.XXXXXX";

/* An authority, and a server's and a client's certificate of it. */
static void
make_certs(void)
{
	char command[1024];

	OK(mkdtemp(folder) != NULL);
	snprintf(command, sizeof command,
	    "cd %s && echo subjectAltName=IP:127.0.0.1 >ext && "
	    "new='openssl req -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256' && "
	    "$new -x509 -keyout ca.key -out ca.pem -subj /CN=ca 2>log && "
	    "for n in server client; do "
	    "$new -keyout $n.key -out $n.csr -subj /CN=$n 2>log && "
	    "openssl x509 -req -in $n.csr -CA ca.pem -CAkey ca.key -CAcreateserial "
	    "-out $n.pem -extfile ext 2>log || exit 1; done",
	    folder);
	OK(system(command) == 0);
}

/* A server that wants a certificate; 0 while somebody else has the port. */
static pid_t
try_server(unsigned port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)port) };
	char at[32];
	pid_t pid;

	snprintf(at, sizeof at, "127.0.0.1:%u", port);
	pid = fork();
	if (pid == 0) {
		if (chdir(folder) != 0 || freopen("log", "w", stdout) == NULL ||
		    freopen("log", "w", stderr) == NULL)
			_exit(1);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execlp("openssl", "openssl", "s_server", "-accept", at, "-cert",
		    "server.pem", "-key", "server.key", "-CAfile", "ca.pem", "-Verify",
		    "2", "-verify_return_error", "-www", (char *)NULL);
		_exit(1);
	}
	for (;;) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		bool is_up = connect(fd, (void *)&sa, sizeof sa) == 0;

		close(fd);
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return 0;
		if (is_up)
			return pid;
		usleep(5000);
	}
}

static em_err
call_tls(const char *url, const char *ca, const char *client, bool is_lenient)
{
	char cacert[64], cert[64], key[64];
	struct str out = { 0 };
	em_err err;

	snprintf(cacert, sizeof cacert, "%s/%s", folder, ca != NULL ? ca : "");
	snprintf(cert, sizeof cert, "%s/%s.pem", folder, client);
	snprintf(key, sizeof key, "%s/%s.key", folder, client);
	err = http_run(&(struct http_call){ .url = url,
			   .cacert = ca != NULL ? cacert : "",
			   .cert = client[0] != '\0' ? cert : NULL,
			   .key = client[0] != '\0' ? key : NULL,
			   .is_lenient = is_lenient,
			   .timeout = span_s(10),
			   .max = 65536 },
	    &out, NULL);
	str_fini(&out);
	return err;
}

TEST(certificates_are_checked_and_shown)
{
	char command[64], url[64], name[64];
	pid_t pid = 0;

	if (system("command -v openssl >/dev/null") != 0)
		tap_skip("openssl is not installed");
	make_certs();
	for (unsigned port = 20000 + (unsigned)getpid() % 10000; pid == 0; port++) {
		snprintf(url, sizeof url, "https://127.0.0.1:%u/", port);
		snprintf(name, sizeof name, "https://localhost:%u/", port);
		pid = try_server(port);
	}
	OK(call_tls(url, "ca.pem", "client", false) == EM_OK);
	OK(call_tls(url, NULL, "client", false) == EM_DENIED);      /* not the system's */
	OK(call_tls(name, "ca.pem", "client", false) == EM_DENIED); /* another's */
	OK(call_tls(url, NULL, "client", true) == EM_OK);
	OK(call_tls(url, "ca.pem", "", false) == EM_IO); /* the server wants one */
	OK(call_tls(url, "ca.pem", "nobody", false) == EM_USAGE);
	OK(call_tls(url, "nothing.pem", "client", false) == EM_USAGE);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	snprintf(command, sizeof command, "rm -r %s", folder);
	OK(system(command) == 0);
}
