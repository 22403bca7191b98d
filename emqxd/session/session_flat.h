/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_flat: a session as bytes, on its way from one node to another.
 *
 * A stream of records, cut into parts of whole ones: u8 kind, u32 length, body; all numbers
 * big-endian.  Times are what is left of them, or how long ago, since clocks differ; when
 * something was published is the wall clock's.  In order: HEAD; SUBSCRIPTIONs, the order of
 * which numbers them from 1 on; AWAITING; MESSAGEs under way, oldest first, those that wait,
 * priority by priority, and the will; SNAPSHOT: that was all there was when the session
 * left; then the MESSAGEs that came to it meanwhile, and END.
 *
 * A message larger than a part goes on in records MORE.  A kind that is not known is passed
 * over; what cannot be understood without it needs another version in HEAD.
 *
 *	HEAD          u16 version, u8 of MQTT, u8 flags, u16 keepalive, u16 window,
 *	              u32 expiry, u32 seq, u64 created, attached, detached (wall ns),
 *	              u64 ends (ns left; all ones: never), u64 delivered, u32 dropped,
 *	              u32 and u32 whose turn it is in the queue, and how long; zone, client
 *	              id, user name, peer, mountpoint, each behind its u16
 *	SUBSCRIPTION  u8 flags, u8 QoS, u8 retain handling, u32 identifier, group, filter;
 *	              with EXCLUSIVE u64 since when (exclusive.h)
 *	AWAITING      u16 packet id and u32 seconds since, again and again
 *	MESSAGE       u8 place, u8 QoS, u8 flags, u32 identifier, u32 number of the
 *	              subscription of a group, u32 seq | priority | delay, u64 due (ns left),
 *	              u8 QoS and u64 time left as published, u64 at, u16 topic, u16 publisher,
 *	              u32 properties, u32 payload, then these four as far as they fit
 *	SNAPSHOT      u32 subscriptions, u32 messages, u32 ids
 *	END           u32 messages since then
 */
#ifndef SESSION_SESSION_FLAT_H
#define SESSION_SESSION_FLAT_H

#include <stdint.h>

#define SESSION_FLAT_VERSION 1u
#define SESSION_PART 16384u           /* a part is full from here on */
#define SESSION_PART_MAX (512u << 10) /* and never longer than this */

enum session_flat_kind {
	SESSION_FLAT_HEAD = 1,
	SESSION_FLAT_SUBSCRIPTION,
	SESSION_FLAT_AWAITING,
	SESSION_FLAT_MESSAGE,
	SESSION_FLAT_MORE,
	SESSION_FLAT_SNAPSHOT,
	SESSION_FLAT_END,
};

enum session_flat_place {
	SESSION_FLAT_UNDER_WAY = 1, /* no PUBACK, no PUBREC yet */
	SESSION_FLAT_RELEASED,      /* waits for PUBCOMP; no message */
	SESSION_FLAT_WAITS,
	SESSION_FLAT_WILL,
};

enum session_flat_head_flag {
	SESSION_FLAT_CLEAN_START = 1 << 0,
	SESSION_FLAT_HAS_USERNAME = 1 << 1,
};

enum session_flat_subscription_flag {
	SESSION_FLAT_NO_LOCAL = 1 << 0,
	SESSION_FLAT_AS_PUBLISHED = 1 << 1,
	SESSION_FLAT_EXCLUSIVE = 1 << 2,
	SESSION_FLAT_RETAINED = 1 << 3, /* its retained messages are not all there yet */
};

enum session_flat_message_flag {
	SESSION_FLAT_RETAIN = 1 << 0,    /* to be sent with it */
	SESSION_FLAT_PUBLISHED = 1 << 1, /* published with it */
};

#endif
