/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utf8: MQTT's strict UTF-8 [MQTT5-1.5.4] and what printing needs.
 */
#ifndef IPC_BASE_UTF8_H
#define IPC_BASE_UTF8_H

#include "ipc/base/slice.h"

/* Well-formed, no surrogates, no U+0000 (the MUSTs of 1.5.4). */
bool utf8_is_mqtt(struct slice s);
/* Well-formed UTF-8 (U+0000 allowed): a payload said to be text. */
bool utf8_is_valid(struct slice s);
/* Has code points that 1.5.4 only advises against: C0, C1, DEL, non-characters?
 * Ill-formed bytes are passed over. */
bool utf8_has_control(struct slice s);
/* Decodes one code point at the start of @s: its length 1..4, or 0 (and *cp 0) when it is
 * ill-formed or @s is empty. */
size_t utf8_next(struct slice s, uint32_t *cp);

#endif
