/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authn: who comes: the chain of `authentication`, and an exchange with one client.  What
 * lives here: authenticators, their users, the state of an exchange.  What does not: the
 * messages of a method (scram.h), packets, reason codes and who waits for whom (client/).
 *
 * So far an authenticator is { mechanism = scram, backend = built_in_database }, whose
 * users are the lines of a file.  Without any, everybody is let in; with one, whoever
 * names no method is known to nobody and refused.
 *
 * Configured on main; asked on any thread with a loop.
 */
#ifndef ACCESS_AUTHN_H
#define ACCESS_AUTHN_H

#include "emqxd/conf/section.h"
#include "ipc/base/str.h"

/* One of `authentication`. */
struct authn_conf {
	const char *name; /* "1" */
	int mechanism, backend;
	int algorithm; /* scram_hash */
	uint32_t iteration_count;
	bool enable;
	bool is_plain; /* the file holds passwords */
	const char *bootstrap_file;
};
extern const struct conf_section authn_conf;

/* Is there an authenticator at all? */
bool authn_is_on(void);

/* How a step ended. */
enum authn_step {
	AUTHN_MORE,  /* the client must answer */
	AUTHN_DONE,  /* it is who it says */
	AUTHN_DENIED /* or not */
};

struct authn_exchange;
/* NULL: no authenticator has that method. */
struct authn_exchange *authn_begin(struct slice method);
/* @data came from the client; what it gets is added to @answer.  AUTHN_DENIED: *detail is a
 * constant text that says why. */
enum authn_step authn_go_on(
    struct authn_exchange *x, struct slice data, struct str *answer, const char **detail);
/* After AUTHN_DONE. */
struct slice authn_identity(const struct authn_exchange *x);
bool authn_is_superuser(const struct authn_exchange *x);
void authn_end(struct authn_exchange **xp);

/* On main: reads the files again.  Users who cannot be read are as they were, and the log
 * says so. */
void authn_birth(void);
void authn_configure(void);
void authn_death(void);
/* On main, after authn_configure(): the authenticators whose file was written since the
 * reading before; start with *at = 0.  False: there is none more. */
struct authn_news {
	const char *name; /* "1": dies at the end of the turn */
	size_t before, now;
};
bool authn_news(size_t *at, struct authn_news *out);

#endif
