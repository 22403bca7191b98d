/* SPDX-License-Identifier: Apache-2.0 */
/* others: for tests of wills: links on which nobody is asked, sought or found dead. */
#ifndef TESTS_UNIT_WILLS_OTHERS_H
#define TESTS_UNIT_WILLS_OTHERS_H

#include "emqxd/wills/wills.h"

static inline em_err
others_ask(void *arg, unsigned place, uint64_t site, unsigned about)
{
	(void)arg;
	(void)place;
	(void)site;
	(void)about;
	return EM_UNREACHABLE;
}

static inline uint64_t
others_places(void *arg, uint64_t hash)
{
	(void)arg;
	(void)hash;
	return 0;
}

static inline void
others_dead(void *arg, unsigned place)
{
	(void)arg;
	(void)place;
}

#endif
