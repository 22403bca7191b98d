/* SPDX-License-Identifier: Apache-2.0 */
/*
 * given: subscriptions that the broker makes for a client: by auto_subscribe, or since an
 * administrator asked (client_subscribe()).  With other nodes a filter of $exclusive/ is
 * claimed at all of them first, as one that the client asks for itself.
 *
 * Only inside client/; at the session's home.
 */
#ifndef CLIENT_GIVEN_H
#define CLIENT_GIVEN_H

#include "emqxd/client/client.h"
#include "emqxd/model/topic.h"

#define GIVEN_EXCLUSIVE SLICE_LIT("$exclusive/")

/* EM_AGAIN: @done will be called when the other nodes have answered; NULL: nobody wants to
 * know.  Else as session_subscribe(). */
EM_MUST_USE em_err given_subscribe(struct session *s, const struct topic_filter *t,
    struct subopts o, client_given_fn *done, void *arg);

#endif
