/* SPDX-License-Identifier: Apache-2.0 */
/*
 * player_step: what one client does in one line.  Only for the player's files.
 */
#ifndef PLAY_PLAYER_STEP_H
#define PLAY_PLAYER_STEP_H

#include "tests/tools/play/player.h"

/* The client of this name, or NULL; get makes it.  {name} is its client id. */
struct actor *player_step_find(const struct player *p, struct slice name);
struct actor *player_step_get(struct player *p, struct slice name);
/* The same for a word of a line, in which variables are replaced. */
EM_MUST_USE em_err player_step_named(
    struct player *p, struct slice word, struct actor **out);

/* Plays the verb that is word @at of the line, with the words behind it. */
EM_MUST_USE em_err player_step(
    struct player *p, struct actor *a, const struct script_line *line, size_t at);
/* Two round trips in which nothing else comes. */
EM_MUST_USE em_err player_step_nothing(struct player *p, struct actor *a);

/* What a line's words say now; the name of a packet to its type. */
EM_MUST_USE em_err player_step_words(
    struct player *p, struct words *w, const struct slice *words, size_t n);
EM_MUST_USE em_err player_step_type(
    struct player *p, struct slice word, enum mqtt_type *out);

#endif
