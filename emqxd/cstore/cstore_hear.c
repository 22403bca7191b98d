/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cstore_hear: what the child says, checked.  What cannot be true ends the child; what was
 * true before it was told otherwise (a group that is closed meanwhile) is dropped.
 */
#include "emqxd/cstore/cstore_inside.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "ipc/base/str.h"

#include <stdio.h>

static em_err
hear_ready(struct cstore *c, const struct cstore_frame *f)
{
	if (c->is_ready)
		return EM_MALFORMED;
	if (f->err == EM_OK) {
		cstore_inside_up(c);
		return EM_OK;
	}
	snprintf(c->why, sizeof c->why, "%.*s", SLICE_FMT(f->text));
	return EM_OK; /* it ends by itself */
}

/* The answer to OPEN is an event. */
static void
hear_opened(struct cstore *c, enum cstore_group group, em_err err, const char *text)
{
	struct cstore_part *p = &c->part[group];

	p->open_req = p->crashes = 0;
	p->is_usable = err == EM_OK;
	p->is_open = err == EM_OK;
	if (err == EM_OK)
		p->mode = CSTORE_JOIN;
	cstore_inside_event(
	    c, &(struct cstore_event){
		   .kind = CSTORE_OPENED, .group = group, .err = err, .text = text });
}

static em_err
hear_done(struct cstore *c, const struct cstore_frame *f)
{
	char text[CSTORE_TEXT_MAX + 1];

	snprintf(text, sizeof text, "%.*s", SLICE_FMT(f->text));
	for (unsigned i = 0; i < CSTORE_GROUP_N; i++) {
		if (f->req != 0 && c->part[i].open_req == f->req) {
			hear_opened(c, (enum cstore_group)i, f->err, text);
			return EM_OK;
		}
	}
	for (size_t i = 0; i < c->calls.n; i++) {
		if (c->calls.p[i].req == f->req && !c->calls.p[i].is_over) {
			cstore_inside_answer(c, i, f->err, text);
			return EM_OK;
		}
	}
	return EM_MALFORMED;
}

static em_err
hear_entry(struct cstore *c, struct cstore_part *p, const struct cstore_frame *f)
{
	if (f->index <= p->heard || f->data.n > CSTORE_ENTRY_MAX)
		return EM_MALFORMED;
	p->heard = f->index;
	p->status.given = f->index;
	if (f->index <= p->handed || f->index <= p->applied)
		return EM_OK; /* from before it was started again */
	p->handed = f->index;
	cstore_inside_event(c, &(struct cstore_event){ .kind = CSTORE_ENTRY,
				   .group = f->group,
				   .index = f->index,
				   .bytes = f->data });
	return EM_OK;
}

static em_err
hear_marker(struct cstore *c, struct cstore_part *p, const struct cstore_frame *f)
{
	if (f->index < p->heard || f->index == 0)
		return EM_MALFORMED;
	p->heard = f->index;
	if (f->index <= p->applied || f->index == p->marker)
		return EM_OK;
	p->marker = f->index;
	p->handed = f->index > p->handed ? f->index : p->handed;
	cstore_inside_event(
	    c, &(struct cstore_event){
		   .kind = CSTORE_MARKER, .group = f->group, .index = f->index });
	return EM_OK;
}

static em_err
hear_state(struct cstore *c, struct cstore_part *p, const struct cstore_frame *f)
{
	struct cstore_status *s = &p->status;

	if (f->op > CSTORE_LEADER ||
	    (f->text.n > 0 && cstore_wire_name(f->text, s->leader) != EM_OK))
		return EM_MALFORMED;
	if (f->text.n == 0)
		s->leader[0] = '\0';
	s->state = (enum cstore_state)f->op;
	s->leader_id = f->id;
	s->term = f->term;
	cstore_inside_event(c, &(struct cstore_event){ .kind = CSTORE_STATE,
				   .group = f->group,
				   .state = s->state,
				   .term = s->term,
				   .name = s->leader,
				   .text = "" });
	return EM_OK;
}

static em_err
hear_decided(struct cstore *c, struct cstore_part *p, const struct cstore_frame *f)
{
	char leader[CSTORE_NAME_MAX] = "";
	size_t i = 0;

	while (i < p->tokens.n && p->tokens.p[i] != f->id)
		i++;
	if (i == p->tokens.n ||
	    (f->text.n > 0 && cstore_wire_name(f->text, leader) != EM_OK))
		return EM_MALFORMED;
	p->tokens.n--;
	memmove(&p->tokens.p[i], &p->tokens.p[i + 1],
	    (p->tokens.n - i) * sizeof p->tokens.p[0]);
	cstore_inside_event(c, &(struct cstore_event){ .kind = CSTORE_PROPOSED,
				   .group = f->group,
				   .token = f->id,
				   .err = f->err,
				   .index = f->index,
				   .name = leader,
				   .text = "" });
	return EM_OK;
}

static em_err
hear_dial(struct cstore *c, const struct cstore_frame *f)
{
	char name[CSTORE_NAME_MAX];

	if (cstore_wire_name(f->text, name) != EM_OK || f->req == 0)
		return EM_MALFORMED;
	cstore_inside_event(c, &(struct cstore_event){ .kind = CSTORE_CONNECT,
				   .group = f->group,
				   .request = f->req,
				   .name = name,
				   .text = "" });
	return EM_OK;
}

static em_err
hear_status(struct cstore_part *p, const struct cstore_frame *f)
{
	struct cstore_status s = p->status;

	if (cstore_wire_get_status(f->data, &s) != EM_OK)
		return EM_MALFORMED;
	s.given = p->status.given > s.given ? p->status.given : s.given;
	p->status = s;
	return EM_OK;
}

/* What concerns a group that is open, or is just being opened. */
static em_err
hear_group(struct cstore *c, const struct cstore_frame *f)
{
	struct cstore_part *p = &c->part[f->group];

	if (f->kind == CSTORE_DECIDED)
		return hear_decided(c, p, f);
	if (!p->is_open)
		return EM_OK;
	if (f->kind == CSTORE_GIVE)
		return hear_entry(c, p, f);
	if (f->kind == CSTORE_FETCH)
		return hear_marker(c, p, f);
	if (f->kind == CSTORE_SAY_STATE)
		return hear_state(c, p, f);
	if (f->kind == CSTORE_SAY_STATUS)
		return hear_status(p, f);
	return f->kind == CSTORE_DIAL ? hear_dial(c, f) : EM_MALFORMED;
}

em_err
cstore_hear(struct cstore *c, const struct cstore_frame *f)
{
	c->heard = clock_mono();
	if (f->kind < CSTORE_KIND_UP)
		return EM_MALFORMED;
	if (f->kind == CSTORE_READY)
		return hear_ready(c, f);
	if (f->kind == CSTORE_NOTE) {
		snprintf(c->why, sizeof c->why, "%.*s", SLICE_FMT(f->text));
		LOG(WARN, "cstore_says", "text", f->text);
		return EM_OK;
	}
	if (!c->is_ready)
		return EM_MALFORMED;
	if (f->kind == CSTORE_PONG)
		return EM_OK;
	if (f->kind == CSTORE_DONE)
		return hear_done(c, f);
	return hear_group(c, f);
}
