/* SPDX-License-Identifier: Apache-2.0 */
/* takeover_note: letters between the link thread and home workers: takeover_inside.h. */
#include "emqxd/takeover/takeover_inside.h"
#include "ipc/base/mem.h"

struct takeover_note *
takeover_note(struct takeover *t, enum takeover_what what, unsigned place,
    uint64_t number, struct slice bytes)
{
	struct takeover_note *note = mem_new(sizeof *note + bytes.n);

	note->letter.open =
	    what < TAKEOVER_NOTE_CHANGED ? takeover_at_home : takeover_at_link;
	note->t = t;
	note->what = what;
	note->place = place;
	note->number = number;
	note->n = bytes.n;
	if (bytes.n > 0)
		memcpy(note->bytes, bytes.p, bytes.n);
	return note;
}

void
takeover_post(struct worker *to, struct takeover_note *note)
{
	worker_post(to, &note->letter);
}

void
takeover_free_note(struct takeover_note *note)
{
	mem_free(note);
}
