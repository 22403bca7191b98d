/* SPDX-License-Identifier: Apache-2.0 */
/* notify: see notify.h.  Own, since libsystemd is no library to need for a datagram. */
#include "emqxd/app/notify.h"
#include "ipc/base/num.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void
notify_send(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t n = path != NULL ? strlen(path) : 0;
	ssize_t sent;
	int fd;

	if (n < 2 || n >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(to.sun_path, path, n);
	if (path[0] == '@')
		to.sun_path[0] = '\0'; /* of the abstract space */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	sent =
	    sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
	(void)sent; /* the manager is away: it will notice */
	close(fd);
}

span_t
notify_watchdog(void)
{
	const char *pid = getenv("WATCHDOG_PID"), *us = getenv("WATCHDOG_USEC");
	uint64_t n;

	if (us == NULL || num_parse_u64(slice_str(us), &n) != EM_OK || n == 0 ||
	    n > INT64_MAX / 1000)
		return SPAN_INFINITE;
	if (pid != NULL && atoi(pid) != getpid())
		return SPAN_INFINITE; /* another's */
	return span_us((int64_t)n);
}
