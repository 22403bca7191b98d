/* SPDX-License-Identifier: Apache-2.0 */
/*
 * app: the assembly.  Here and only here all rooms are known: in which order they
 * are born and die (app.c), how the process comes up (boot) and goes down
 * (shutdown), what a changed configuration means to each (reload).
 *
 * Main is a worker without clients: its loop has the signals, the watchdog's timer,
 * and letters from the other threads.
 */
#ifndef APP_APP_H
#define APP_APP_H

#include "ipc/base/err.h"
#include "ipc/base/span.h"

#include <stdbool.h>

struct conf_report;
struct conf_snapshot;
struct home;
struct options;
struct override;
struct signals;
struct watchdog;
struct worker;

/* The whole program; its exit status. */
int app_run(int argc, char **argv);

/* ---- for the room's own files */

enum app_phase { APP_BOOTING, APP_READY, APP_DRAINING };

/* One life of the daemon; in ROOM_APP's slot of the node. */
struct app {
	const struct options *options;
	void (*on_ready)(int fd); /* of `emqxd start`, or NULL */
	int ready_fd;
	enum app_phase phase;
	bool is_hurried;              /* asked to end a second time */
	struct conf_snapshot *loaded; /* until it is published */
	struct conf_report *report;   /* of its loading, until it is logged */
	struct home *home;
	struct override *override; /* between the rooms' birth and death */
	struct signals *signals;
	struct watchdog *watchdog;
	char *run_dir; /* of the control socket, when this start made it; else NULL */
	unsigned
	    doors; /* listeners that were asked to open or close and have not answered */
	unsigned farewells;      /* workers that go through their sessions at the end */
	struct fault door_fault; /* the first that could not */
	uint64_t files;          /* descriptors that we may have */
};

struct app *app_self(void);

/* A room's life.  All on main but the worker's, which are on each new thread that serves
 * clients (@on_admin, @on_link: and on that thread; @on_store, @on_link_only: there
 * instead).  Any may be NULL. */
struct app_room {
	const char *name;
	em_err (*birth)(struct fault *f);
	void (*worker_birth)(void);
	void (*worker_death)(void);
	void (*death)(void);
	void (*reload)(void); /* the configuration in force has changed */
	bool on_admin, on_store, on_link, on_link_only;
};

/* In the order of birth; undone when one fails. */
EM_MUST_USE em_err app_rooms_birth(struct fault *f);
void app_rooms_death(void);
void app_rooms_worker_birth(struct worker *w);
void app_rooms_worker_death(struct worker *w);
void app_rooms_reload(void);

/* Turns main's loop until @is_done, at most so long (and no longer once hurried).  False:
 * it was not. */
bool app_turn_until(struct app *a, bool (*is_done)(const struct app *a), span_t limit);

#endif
