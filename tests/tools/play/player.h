/* SPDX-License-Identifier: Apache-2.0 */
/*
 * player: plays one scenario in one version against a broker.
 */
#ifndef PLAY_PLAYER_H
#define PLAY_PLAYER_H

#include "tests/tools/play/peer.h"
#include "tests/tools/play/script.h"
#include "tests/tools/play/words.h"

typedef VEC(char *) text_vec;

/* A client of the scenario, by its name. */
struct actor {
	struct peer peer;
	char *name;
	char *client_id;  /* unless the scenario names another */
	uint16_t next_id; /* of the next packet that needs one */
	uint16_t sent_id; /* of the last PUBLISH, PUBREL, SUBSCRIBE, UNSUBSCRIBE sent */
	uint16_t got_id;  /* of the last PUBLISH or PUBREL received */
	uint16_t rec_id;  /* of the last PUBREC sent */
	VEC(uint16_t) releases; /* ids whose PUBREL is answered whenever it comes */
};

struct player {
	/* given */
	const char *host;
	unsigned port;
	unsigned nth; /* makes client ids differ from those of other scenarios */
	enum mqtt_version version;
	const struct scenario *scenario;

	/* the scenario's state */
	VEC(struct actor *) actors;
	struct variables variables;
	text_vec kept;      /* client ids whose sessions may outlive it */
	text_vec retained;  /* topics that got a retained message */
	bool has_no_retain; /* the server said so */

	/* what went wrong */
	struct str log; /* what was sent and received so far */
	const struct script_line *at;
	struct fault fault;
};

/* Plays it; false leaves at, fault and log.  Sessions and retained messages that
 * it left are taken away. */
bool player_run(struct player *p);
void player_fini(struct player *p);

#endif
