/* SPDX-License-Identifier: Apache-2.0 */
/* addr: see addr.h. */
#include "emqxd/model/addr.h"
#include "ipc/base/num.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

struct net_addr
addr_of(const struct sockaddr_storage *ss)
{
	struct net_addr a = { .family = (uint8_t)ss->ss_family };

	if (ss->ss_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, ss, sizeof in);
		memcpy(a.ip, &in.sin_addr, 4);
		a.port = ntohs(in.sin_port);
	} else if (ss->ss_family == AF_INET6) {
		static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff,
			0xff };
		struct sockaddr_in6 in;

		memcpy(&in, ss, sizeof in);
		memcpy(a.ip, &in.sin6_addr, 16);
		a.port = ntohs(in.sin6_port);
		if (memcmp(a.ip, mapped, sizeof mapped) == 0) {
			memmove(a.ip, a.ip + 12, 4);
			memset(a.ip + 4, 0, 12);
			a.family = AF_INET;
		}
	} else {
		a.family = 0;
	}
	return a;
}

socklen_t
addr_to_sockaddr(const struct net_addr *a, struct sockaddr_storage *ss)
{
	memset(ss, 0, sizeof *ss);
	if (a->family == AF_INET6) {
		struct sockaddr_in6 in = { .sin6_family = AF_INET6,
			.sin6_port = htons(a->port) };

		memcpy(&in.sin6_addr, a->ip, 16);
		memcpy(ss, &in, sizeof in);
		return sizeof in;
	}
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(a->port) };

	memcpy(&in.sin_addr, a->ip, 4);
	memcpy(ss, &in, sizeof in);
	return sizeof in;
}

size_t
addr_print(const struct net_addr *a, char buf[ADDR_TEXT_MAX])
{
	char ip[INET6_ADDRSTRLEN] = "";
	int n;

	if (a->family != 0)
		inet_ntop(a->family, a->ip, ip, sizeof ip);
	if (a->family == AF_INET6)
		n = snprintf(buf, ADDR_TEXT_MAX, "[%s]:%u", ip, a->port);
	else if (a->family == AF_INET)
		n = snprintf(buf, ADDR_TEXT_MAX, "%s:%u", ip, a->port);
	else
		n = snprintf(buf, ADDR_TEXT_MAX, "local");
	return (size_t)n;
}

static em_err
parse_ip(struct slice text, struct net_addr *out)
{
	char ip[INET6_ADDRSTRLEN];

	if (text.n == 0 || text.n >= sizeof ip)
		return EM_MALFORMED;
	memcpy(ip, text.p, text.n);
	ip[text.n] = '\0';
	out->family = memchr(ip, ':', text.n) != NULL ? AF_INET6 : AF_INET;
	return inet_pton(out->family, ip, out->ip) == 1 ? EM_OK : EM_MALFORMED;
}

em_err
addr_parse(struct slice text, struct net_addr *out)
{
	const uint8_t *colon = text.n > 0 ? memrchr(text.p, ':', text.n) : NULL;
	const uint8_t *bracket = text.n > 0 ? memchr(text.p, ']', text.n) : NULL;
	struct slice ip = text, port = SLICE_NONE;
	uint64_t v = 0;

	*out = (struct net_addr){ 0 };
	if (bracket != NULL && text.p[0] == '[') {
		ip = slice_of(text.p + 1, (size_t)(bracket - text.p) - 1);
		port = slice_from(text, (size_t)(bracket - text.p) + 1);
		if (port.n == 1 || (port.n > 0 && port.p[0] != ':'))
			return EM_MALFORMED;
		port = slice_from(port, 1);
	} else if (colon != NULL && memchr(text.p, ':', text.n) == colon) {
		ip = slice_head(text, (size_t)(colon - text.p));
		port = slice_from(text, ip.n + 1);
		if (port.n == 0)
			return EM_MALFORMED;
	}
	if (port.n > 0 && (num_parse_u64(port, &v) != EM_OK || v > UINT16_MAX))
		return EM_MALFORMED;
	out->port = (uint16_t)v;
	return parse_ip(ip, out);
}

em_err
addr_cidr_parse(struct slice text, struct net_cidr *out)
{
	const uint8_t *slash = text.n > 0 ? memchr(text.p, '/', text.n) : NULL;
	struct slice ip =
	    slash != NULL ? slice_head(text, (size_t)(slash - text.p)) : text;
	uint64_t bits;
	em_err err;

	*out = (struct net_cidr){ 0 };
	err = parse_ip(ip, &out->net);
	if (err != EM_OK)
		return err;
	bits = out->net.family == AF_INET ? 32 : 128;
	out->bits = (uint8_t)bits;
	if (slash == NULL)
		return EM_OK;
	err = num_parse_u64(slice_from(text, ip.n + 1), &bits);
	if (err != EM_OK || bits > out->bits)
		return EM_MALFORMED;
	out->bits = (uint8_t)bits;
	return EM_OK;
}

bool
addr_cidr_has(const struct net_cidr *c, const struct net_addr *a)
{
	unsigned whole = c->bits / 8, rest = c->bits % 8;

	if (c->net.family != a->family || memcmp(c->net.ip, a->ip, whole) != 0)
		return false;
	return rest == 0 || ((c->net.ip[whole] ^ a->ip[whole]) >> (8 - rest)) == 0;
}
