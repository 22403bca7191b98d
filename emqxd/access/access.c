/* SPDX-License-Identifier: Apache-2.0 */
/* access: see access.h. */
#include "emqxd/access/access.h"

static bool
is_loopback(const struct net_addr *a)
{
	static const uint8_t v4[] = { 127, 0, 0, 1 };
	static const uint8_t v6[16] = { [15] = 1 };
	static const uint8_t mapped[16] = { [10] = 0xff, 0xff, 127, 0, 0, 1 };

	if (a->family == AF_INET)
		return memcmp(a->ip, v4, sizeof v4) == 0;
	return a->family == AF_INET6 && (memcmp(a->ip, v6, sizeof v6) == 0 ||
					    memcmp(a->ip, mapped, sizeof mapped) == 0);
}

/* Is it $SYS/#, or a part of it? */
static bool
is_sys(struct slice filter)
{
	return slice_starts(filter, SLICE_LIT("$SYS/"));
}

bool
access_may_subscribe(const struct clientinfo *who, struct slice filter)
{
	bool sys = is_sys(filter);

	if (who->is_superuser)
		return true;
	if (!sys && !slice_eq_str(filter, "#") && !slice_eq_str(filter, "+/#"))
		return true;
	if (sys && who->has_username && slice_eq_str(who->username, "dashboard"))
		return true;
	return is_loopback(&who->peer);
}
