/* SPDX-License-Identifier: Apache-2.0 */
/*
 * privileges: the limit of open files.  Everyone may raise theirs to the hard
 * limit; root raises that one too.
 */
#include "emqxd/app/privileges.h"

#include <sys/resource.h>

enum { FILES_WANTED = 1048576 };

uint64_t
privileges_raise_files(void)
{
	struct rlimit is, want;

	if (getrlimit(RLIMIT_NOFILE, &is) != 0)
		return 0;
	want = is;
	if (want.rlim_max < FILES_WANTED)
		want.rlim_max = FILES_WANTED;
	want.rlim_cur = want.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &want) != 0) {
		want.rlim_cur = want.rlim_max = is.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &want) != 0)
			want = is;
	}
	return (uint64_t)want.rlim_cur;
}
