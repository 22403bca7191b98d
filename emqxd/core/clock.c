/* SPDX-License-Identifier: Apache-2.0 */
/* clock: see clock.h. */
#include "emqxd/core/clock.h"

void
clock_read(struct worker *w)
{
	w->now = span_mono_now();
	w->now_wall = span_wall_now();
}
