/* SPDX-License-Identifier: Apache-2.0 */
/* status: see status.h. */
#include "emqxd/cluster/status.h"
#include "emqxd/cluster/cluster.h"
#include "emqxd/cluster/finding.h"
#include "emqxd/members/groups.h"
#include "emqxd/cluster/heal.h"
#include "emqxd/cluster/inside.h"
#include "emqxd/cluster/join.h"
#include "emqxd/members/members.h"
#include "emqxd/link/views.h"
#include "emqxd/store/change.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOCKS_APART_MS 500 /* from here on the order of retained messages suffers */

static void
copy(char *out, size_t room, struct slice s)
{
	size_t n = s.n < room ? s.n : room - 1;

	if (n > 0)
		memcpy(out, s.p, n);
	out[n] = '\0';
}

static void
fill_me(struct status_row *r)
{
	struct finding_state f;

	r->is_me = true;
	r->is_running = true;
	r->has_clock = true;
	r->has_figures = figures_of(cluster_inside()->figures, 0, &r->figures);
	copy(r->version, sizeof r->version, SLICE_LIT(EMQXD_VERSION));
	r->lag = groups_lag();
	finding_state(&f);
	snprintf(r->discovery, sizeof r->discovery, "%s: %s", f.strategy, f.state);
	if (store_refusal() != NULL)
		snprintf(r->hint, sizeof r->hint, "%s", store_refusal());
	else if (groups_trouble()[0] != '\0')
		snprintf(r->hint, sizeof r->hint, "%s", groups_trouble());
	else if (cluster_closed() != NULL)
		snprintf(r->hint, sizeof r->hint, "%s", cluster_closed());
	else if (f.hint[0] != '\0' && !heal_is_cast_out())
		snprintf(r->hint, sizeof r->hint, "discovery: %.240s", f.hint);
}

/* What keeps it away, or what is wrong with it. */
static void
fill_hint(
    struct status_row *r, const struct link_peer *p, const struct link_peer_info *info)
{
	long apart = (long)span_to_ms(info->offset);

	if (!info->is_reachable)
		views_hint(cluster_inside()->views, p, r->hint, sizeof r->hint);
	else if (info->has_clock && labs(apart) > CLOCKS_APART_MS)
		snprintf(r->hint, sizeof r->hint,
		    "the clocks are %ld ms apart: is NTP running on both?", apart);
}

static void
fill_peer(struct status_row *r, const struct members_entry *e)
{
	struct link_peer_info info;

	copy(r->version, sizeof r->version, e->m.product);
	if (e->peer == NULL)
		return;
	link_peer_info(e->peer, &info);
	if (info.product[0] != '\0')
		copy(r->version, sizeof r->version, slice_str(info.product));
	r->is_running = info.is_reachable;
	r->has_figures = figures_of(cluster_inside()->figures, e->place, &r->figures);
	r->lag = views_lag(cluster_inside()->views, e->place);
	r->has_clock = info.has_clock;
	r->rtt = info.rtt;
	r->offset = info.offset;
	fill_hint(r, e->peer, &info);
}

static void
fill_alone(struct status_row *r)
{
	bool is_joining = join_is_member();

	*r = (struct status_row){ .role = is_joining ? "joining" : "alone",
		.has_quorum = !is_joining };
	fill_me(r);
	if (is_joining)
		snprintf(r->hint, sizeof r->hint,
		    "it goes on until the cluster answers, or cluster leave");
	else if (heal_is_cast_out() && r->hint[0] == '\0')
		snprintf(r->hint, sizeof r->hint,
		    "it was removed from its cluster: emqx_ctl cluster join, or cluster "
		    "leave to stay alone");
	r->lag = 0;
	copy(r->node, sizeof r->node, slice_str(nodes_me()));
	copy(r->address, sizeof r->address, slice_str(cluster_advertised()));
}

static int
by_name(const void *a, const void *b)
{
	const struct status_row *x = a, *y = b;

	return strcmp(x->node, y->node);
}

unsigned
status_rows(struct status_row *out, unsigned max)
{
	unsigned n = join_is_member() ? members_count() : 0, running = 0;
	struct status_row *me = NULL;

	if (n == 0 || members_me() == NULL) {
		fill_alone(&out[0]);
		return 1;
	}
	if (n > max)
		n = max;
	for (unsigned i = 0; i < n; i++) {
		const struct members_entry *e = members_at(i);
		struct status_row *r = &out[i];

		*r = (struct status_row){ .lag = -1,
			.joined = e->m.joined,
			.has_quorum = groups_have_quorum() };
		copy(r->node, sizeof r->node, e->m.name);
		copy(r->address, sizeof r->address, e->m.address);
		r->role = groups_role(CSTORE_META, e->m.raft_id);
		if (e->place == 0)
			fill_me(me = r);
		else
			fill_peer(r, e);
		running += r->is_running;
	}
	if (me != NULL && !me->has_quorum && me->hint[0] == '\0')
		views_hint_alone(running, n, me->hint, sizeof me->hint);
	qsort(out, n, sizeof *out, by_name);
	return n;
}
