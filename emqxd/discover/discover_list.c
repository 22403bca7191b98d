/* SPDX-License-Identifier: Apache-2.0 */
/* discover_list: addresses and their order; see discover.h.  Pure. */
#include "emqxd/discover/discover.h"
#include "ipc/base/check.h"
#include "ipc/base/num.h"

#include <arpa/inet.h>
#include <stdio.h>

enum { USUAL_PORT = 4370 };

/* Copies what has only letters, digits and @marks. */
static bool
take_word(struct slice s, const char *marks, bool lower, char *out, size_t max)
{
	if (s.n == 0 || s.n > max)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];

		if (c >= 'A' && c <= 'Z' && lower)
			c = (uint8_t)(c - 'A' + 'a');
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') ||
			(c != '\0' && strchr(marks, c) != NULL)))
			return false;
		out[i] = (char)c;
	}
	out[s.n] = '\0';
	return true;
}

/* 4, 6 (16 bytes at @ip), or 0: a name. */
static int
ip_of(const char *host, uint8_t ip[16])
{
	if (inet_pton(AF_INET, host, ip) == 1)
		return 4;
	return inet_pton(AF_INET6, host, ip) == 1 ? 6 : 0;
}

static size_t
find(struct slice s, uint8_t c)
{
	const uint8_t *at = s.n > 0 ? memchr(s.p, c, s.n) : NULL;

	return at != NULL ? (size_t)(at - s.p) : s.n;
}

static bool
take_port(struct slice s, uint16_t *port)
{
	uint64_t n;

	if (num_parse_u64(s, &n) != EM_OK || n == 0 || n > 65535)
		return false;
	*port = (uint16_t)n;
	return true;
}

/* "host", "host:port", "::1", "[::1]:port". */
static bool
take_place(struct slice s, struct discover_addr *out)
{
	struct slice host = s, port = SLICE_NONE;
	size_t colon = find(s, ':');
	uint8_t ip[16];
	int family;

	if (s.n > 0 && s.p[0] == '[') {
		size_t end = find(s, ']');

		if (end == s.n)
			return false;
		host = slice_head(slice_from(s, 1), end - 1);
		port = slice_from(s, end + 1);
		if (port.n > 0 && port.p[0] != ':')
			return false;
	} else if (colon < s.n &&
		   find(slice_from(s, colon + 1), ':') == s.n - colon - 1) {
		host = slice_head(s, colon);
		port = slice_from(s, colon);
	}
	if (port.n > 0 && !take_port(slice_from(port, 1), &out->port))
		return false;
	if (host.n > 1 && host.p[host.n - 1] == '.')
		host.n--; /* of a name that is complete */
	if (host.n > 0 && host.p[host.n - 1] == '.')
		return false;
	if (!take_word(host, ".-_:", true, out->host, DISCOVER_HOST_MAX))
		return false;
	family = ip_of(out->host, ip);
	if (family == 6)
		inet_ntop(AF_INET6, ip, out->host, sizeof out->host);
	return family == 6 || (strchr(out->host, ':') == NULL && s.p[0] != '[');
}

/* 4370 and the number at the end of a name: where a node of that name listens by itself. */
static unsigned
port_of(const char *name)
{
	size_t n = strlen(name);
	uint64_t number = 0;

	while (n > 0 && name[n - 1] >= '0' && name[n - 1] <= '9')
		n--;
	if (name[n] != '\0' && num_parse_u64(slice_str(name + n), &number) != EM_OK)
		return USUAL_PORT;
	return number <= 65535 - USUAL_PORT ? USUAL_PORT + (unsigned)number : USUAL_PORT;
}

em_err
discover_addr_parse(
    struct slice text, const struct discover_addr *usual, struct discover_addr *out)
{
	struct discover_addr a = { .port = 0 };
	size_t at = find(text, '@');
	struct slice name = at < text.n ? slice_head(text, at) : slice_str(usual->name);

	*out = (struct discover_addr){ 0 };
	if (!take_word(name, ".-_", false, a.name, DISCOVER_NAME_MAX) ||
	    !take_place(at < text.n ? slice_from(text, at + 1) : text, &a))
		return EM_MALFORMED;
	if (a.port == 0) /* whose own port follows its name, expects that of others */
		a.port = usual->port == port_of(usual->name) ? (uint16_t)port_of(a.name)
							     : usual->port;
	*out = a;
	return EM_OK;
}

const char *
discover_addr_print(const struct discover_addr *a, char buf[DISCOVER_TEXT_MAX])
{
	bool is_v6 = strchr(a->host, ':') != NULL;

	snprintf(buf, DISCOVER_TEXT_MAX, is_v6 ? "%s@[%s]:%u" : "%s@%s:%u", a->name,
	    a->host, a->port);
	return buf;
}

static int
compare_hosts(const char *a, const char *b)
{
	uint8_t x[16], y[16];
	int f = ip_of(a, x), g = ip_of(b, y);

	if (f != g) /* 4, 6, none */
		return f == 0 ? 1 : g == 0 ? -1 : f - g;
	return f == 0 ? strcmp(a, b) : memcmp(x, y, f == 4 ? 4 : 16);
}

int
discover_addr_cmp(const struct discover_addr *a, const struct discover_addr *b)
{
	int d = compare_hosts(a->host, b->host);

	return d != 0 ? d : a->port - b->port;
}

bool
discover_add(struct discover_list *list, const struct discover_addr *a)
{
	unsigned at = 0;
	int d = 1;

	CHECK(list->n <= DISCOVER_MAX);
	while (at < list->n && (d = discover_addr_cmp(a, &list->item[at])) > 0)
		at++;
	if (at < list->n && d == 0)
		return false;
	if (list->n == DISCOVER_MAX)
		list->refused++;
	if (at == DISCOVER_MAX)
		return false;
	if (list->n < DISCOVER_MAX)
		list->n++;
	memmove(&list->item[at + 1], &list->item[at],
	    (list->n - 1 - at) * sizeof list->item[0]);
	list->item[at] = *a;
	return true;
}

bool
discover_first(const struct discover_list *list, const struct discover_addr *mine)
{
	return list->n > 0 &&
	       (list->item[0].is_me || discover_addr_cmp(&list->item[0], mine) == 0);
}
