/* SPDX-License-Identifier: Apache-2.0 */
/* license_history: see license_history.h. */
#include "emqxd/license/license_history.h"
#include "emqxd/license/license_date.h"
#include "ipc/base/num.h"

#include <inttypes.h>
#include <stdio.h>

#define MS INT64_C(1000000)
enum { DATE = 10, MONTH = 7 };

void
license_history_fini(struct license_history *h)
{
	VEC_FINI(&h->days);
}

static struct license_day *
last(const struct license_history *h)
{
	return h->days.n > 0 ? &h->days.p[h->days.n - 1] : NULL;
}

/* Enters a day before those from @at on; when all are taken the oldest goes. */
static void
insert(struct license_history *h, size_t at, struct license_day d)
{
	if (h->days.n == LICENSE_HISTORY_DAYS) {
		at--;
		memmove(h->days.p, h->days.p + 1, at * sizeof *h->days.p);
	} else {
		VEC_ADD(&h->days, d);
		memmove(h->days.p + at + 1, h->days.p + at,
		    (h->days.n - 1 - at) * sizeof *h->days.p);
	}
	h->days.p[at] = d;
}

/* Before which one a day stands: behind it, or that day itself, is the one before. */
static size_t
place_of(const struct license_history *h, int64_t day)
{
	size_t at = h->days.n;

	while (at > 0 && h->days.p[at - 1].day > day)
		at--;
	return at;
}

bool
license_history_note(struct license_history *h, wall_t now, uint64_t sessions)
{
	struct license_day d = { license_date_of(now), sessions, now };
	size_t at = place_of(h, d.day);
	struct license_day *before = at > 0 ? &h->days.p[at - 1] : NULL;

	if (sessions == 0)
		return false;
	if (before == NULL || before->day < d.day) {
		/* Days that a clock far ahead left behind it are in the future, and stay. */
		if (at == 0 && h->days.n == LICENSE_HISTORY_DAYS)
			return false;
		insert(h, at, d);
		return true;
	}
	if (sessions <= before->high)
		return false;
	before->high = sessions;
	before->at = now;
	return true;
}

/* ---- looking */

static void
period_of(const struct license_day *d, enum license_period period, char out[16])
{
	char text[LICENSE_DATE_TEXT];

	snprintf(out, 16, "%.*s", period == LICENSE_DAILY ? DATE : MONTH,
	    license_date_print(d->day, text));
}

bool
license_history_get(const struct license_history *h, enum license_period period,
    unsigned i, struct license_mark *out)
{
	struct license_mark m = { .high = 0 };
	unsigned n = 0; /* periods begun */

	for (size_t at = h->days.n; at-- > 0;) {
		const struct license_day *d = &h->days.p[at];
		char name[16];

		period_of(d, period, name);
		if (n == 0 || strcmp(name, m.period) != 0) {
			if (n == i + 1)
				break;
			n++;
			memcpy(m.period, name, sizeof name);
			m.high = 0;
		}
		if (d->high >= m.high) {
			m.high = d->high;
			m.at = d->at;
		}
	}
	*out = m;
	return n == i + 1;
}

/* ---- as text */

void
license_history_print(const struct license_history *h, struct str *out)
{
	char text[LICENSE_DATE_TEXT];

	for (size_t i = 0; i < h->days.n; i++) {
		const struct license_day *d = &h->days.p[i];

		str_addf(out, "%s %" PRIu64 " %" PRId64 "\n",
		    license_date_print(d->day, text), d->high, d->at.ns / MS);
	}
}

static struct slice
cut(struct slice *line)
{
	const uint8_t *space = line->n > 0 ? memchr(line->p, ' ', line->n) : NULL;
	struct slice word =
	    slice_head(*line, space != NULL ? (size_t)(space - line->p) : line->n);

	*line = slice_from(*line, word.n + 1);
	return word;
}

static bool
read_line(struct slice line, struct license_day *d)
{
	struct slice date = cut(&line), high = cut(&line);
	char digits[8];

	if (date.n != DATE || date.p[4] != '-' || date.p[7] != '-')
		return false;
	memcpy(digits, date.p, 4);
	memcpy(digits + 4, date.p + 5, 2);
	memcpy(digits + 6, date.p + 8, 2);
	if (license_date_parse(slice_of(digits, sizeof digits), &d->day) != EM_OK ||
	    num_parse_u64(high, &d->high) != EM_OK || d->high > INT64_MAX ||
	    num_parse_i64(line, &d->at.ns) != EM_OK || d->at.ns < 0 ||
	    d->at.ns > INT64_MAX / MS)
		return false;
	d->at.ns *= MS;
	return true;
}

unsigned
license_history_parse(struct license_history *h, struct slice text)
{
	unsigned bad = 0;

	while (text.n > 0) {
		const uint8_t *nl = memchr(text.p, '\n', text.n);
		struct slice line =
		    slice_head(text, nl != NULL ? (size_t)(nl - text.p) : text.n);
		struct license_day d;

		text = slice_from(text, line.n + 1);
		if (!read_line(line, &d) || (last(h) != NULL && d.day <= last(h)->day))
			bad++;
		else
			insert(h, h->days.n, d);
	}
	return bad;
}
