/* SPDX-License-Identifier: Apache-2.0 */
/*
 * privileges: the limit of open files, and who we are.
 *
 * Everyone may raise the limit to the hard one; root raises that one too.
 *
 * A change of user drops all capabilities but the one to bind low ports, which
 * listeners need whenever they are restarted.  The capabilities are set by the system
 * calls themselves: for one bit libcap is no library to need.
 */
#include "emqxd/app/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

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

static bool
keep_bind(void)
{
	struct __user_cap_header_struct header = { .version =
						       _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { .effective = 0 } };

	data[0].effective = data[0].permitted = 1u << CAP_NET_BIND_SERVICE;
	return syscall(SYS_capset, &header, data) == 0;
}

static bool
become(const char *user, const struct passwd *pw)
{
	if (prctl(PR_SET_KEEPCAPS, 1) != 0 || initgroups(user, pw->pw_gid) != 0 ||
	    setgid(pw->pw_gid) != 0 || setuid(pw->pw_uid) != 0 || !keep_bind())
		return false;
	prctl(PR_SET_KEEPCAPS, 0);
	prctl(PR_SET_DUMPABLE, 1); /* a change of user forbids core files otherwise */
	return true;
}

em_err
privileges_drop(const char *user, struct fault *f)
{
	const struct passwd *pw;

	if (user[0] == '\0' || geteuid() != 0)
		return EM_OK;
	errno = 0;
	pw = getpwnam(user);
	if (pw == NULL)
		return fault_set(
		    f, EM_NOTFOUND, "node.user: there is no user '%s'", user);
	if (become(user, pw))
		return EM_OK;
	return fault_set(
	    f, EM_DENIED, "node.user: cannot become %s: %s", user, strerror(errno));
}
