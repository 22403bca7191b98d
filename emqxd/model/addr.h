/* SPDX-License-Identifier: Apache-2.0 */
/*
 * addr: where a peer is.  sockaddr <-> text, and networks.  Pure.
 */
#ifndef MODEL_ADDR_H
#define MODEL_ADDR_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"

#include <sys/socket.h>

struct net_addr {
	uint8_t ip[16]; /* IPv4 in the first four bytes */
	uint16_t port;
	uint8_t family; /* AF_INET, AF_INET6, 0: none */
};

#define ADDR_TEXT_MAX 56

struct net_addr addr_of(const struct sockaddr_storage *ss);
socklen_t addr_to_sockaddr(const struct net_addr *a, struct sockaddr_storage *ss);
/* "127.0.0.1:51234", "[::1]:51234".  Returns its length. */
size_t addr_print(const struct net_addr *a, char buf[ADDR_TEXT_MAX]);
/* Takes "127.0.0.1", "127.0.0.1:80", "::1", "[::1]:80". */
EM_MUST_USE em_err addr_parse(struct slice text, struct net_addr *out);

struct net_cidr {
	struct net_addr net;
	uint8_t bits;
};
/* "10.0.0.0/8", "::1", "192.168.1.7". */
EM_MUST_USE em_err addr_cidr_parse(struct slice text, struct net_cidr *out);
bool addr_cidr_has(const struct net_cidr *c, const struct net_addr *a);

#endif
