/* SPDX-License-Identifier: Apache-2.0 */
/*
 * env: the layer above the file: EMQX_A__B=value is a.b = value.
 */
#ifndef CONF_ENV_H
#define CONF_ENV_H

#include "emqxd/conf/keys.h"

/* Puts every EMQX_ variable of @environ into the tree.  A name of 4.x is one; a number
 * counts the items of an array.  EMQX_SOCKET is the tool's.  Others that name no key
 * get one warning together. */
void env_apply(struct conf_tree *t, char *const *environ, const struct keys *keys,
    struct conf_report *r);

#endif
