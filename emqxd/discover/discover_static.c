/* SPDX-License-Identifier: Apache-2.0 */
/* discover_static: a list that is written down (cluster.static.seeds). */
#include "emqxd/discover/discover_round.h"

em_err
discover_static_look(struct discover_round *r)
{
	const struct conf_list *seeds = &r->conf->seeds;

	for (size_t i = 0; i < seeds->n; i++)
		discover_round_add(r, slice_str(seeds->item[i]));
	if (r->list.n > 0)
		return EM_OK;
	return fault_set(&r->fault, EM_NOTFOUND, "cluster.static.seeds names no node");
}
