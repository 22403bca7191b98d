/* SPDX-License-Identifier: Apache-2.0 */
/* whom: see whom.h. */
#include "emqxd/admin/whom.h"
#include "ipc/nearest.h"
#include "ipc/base/str.h"
#include "emqxd/model/nodes.h"

/* The place of a node as an operator names it: without '@' it is on our host. */
static unsigned
find_node(struct slice name)
{
	const char *host = strchr(nodes_me(), '@');
	struct str full = { 0 };
	unsigned place;

	str_add_slice(&full, name);
	if (host != NULL && (name.n == 0 || memchr(name.p, '@', name.n) == NULL))
		str_add(&full, host);
	place = nodes_find(str_slice(&full));
	str_fini(&full);
	return place != NODES_MAX && nodes_is_member(place) ? place : NODES_MAX;
}

static em_err
no_node(struct slice name, struct fault *f)
{
	struct nearest near = nearest_of(name);
	struct str text = { 0 };

	str_add_escaped(&text, name);
	fault_set(f, EM_NOTFOUND, "no node '%s' in the cluster", str_get(&text));
	fault_hint(
	    f, "this node is '%s'; the others: emqx_ctl cluster status", nodes_me());
	for (unsigned i = 0; i < nodes_end(); i++)
		if (nodes_is_member(i))
			nearest_offer(&near, slice_str(nodes_name(i)));
	nearest_hint(&near, f);
	str_fini(&text);
	return EM_NOTFOUND;
}

em_err
whom_read(const struct params *p, bool is_far, enum whom *whom, unsigned *place,
    struct fault *f)
{
	*whom = WHOM_HERE;
	if (!cmd_takes_nodes(p->cmd))
		return EM_OK;
	if (params_has(p, "node") && params_bool(p, "all-nodes"))
		return fault_set(
		    f, EM_USAGE, "--node and --all-nodes do not go together");
	if ((params_bool(p, "all-nodes") || ((p->cmd->flags & CMDF_WHOLE) != 0 &&
						!is_far && !params_has(p, "node"))) &&
	    nodes_count() > 1)
		*whom = WHOM_ALL;
	if (!params_has(p, "node"))
		return EM_OK;
	*place = find_node(params_text(p, "node"));
	if (*place == NODES_MAX)
		return no_node(params_text(p, "node"), f);
	if (*place != 0)
		*whom = WHOM_NODE;
	return EM_OK;
}
