/* SPDX-License-Identifier: Apache-2.0 */
/*
 * player_packet: one packet to the broker or from it, with what a scenario
 * leaves unsaid.  Only for the player's files.
 */
#ifndef PLAY_PLAYER_PACKET_H
#define PLAY_PLAYER_PACKET_H

#include "tests/tools/play/player.h"

/* Sends a packet of these words.  Unsaid are: of CONNECT the client's usual id and
 * a clean start, of a packet id the next one, of an ack's the id that it answers. */
EM_MUST_USE em_err player_packet_send(
    struct player *p, struct actor *a, enum mqtt_type type, struct words *w);
/* Takes the next packet before @deadline and compares; {x} get their values. */
EM_MUST_USE em_err player_packet_expect(struct player *p, struct actor *a,
    enum mqtt_type type, struct words *w, mono_t deadline);
/* Takes the next packet, notes it in the log and remembers its id.  A PUBREL that
 * is due is answered by the way, since other packets may come before it. */
EM_MUST_USE em_err player_packet_take(
    struct player *p, struct actor *a, struct mqtt_packet *out, mono_t deadline);
/* Is it of this type, and what the words ask for?  Settled words; the fault names
 * both. */
EM_MUST_USE em_err player_packet_compare(struct player *p, struct actor *a,
    const struct mqtt_packet *got, enum mqtt_type type, const struct words *w);

/* From now on the broker's usual patience. */
mono_t player_packet_deadline(void);

#endif
