/* SPDX-License-Identifier: Apache-2.0 */
/* early: see early.h. */
#include "emqxd/client/early.h"
#include "emqxd/core/trace_point.h"

void
early_on_started(struct conn *c)
{
	(void)c;
	UNREACHABLE(); /* it has walked home before */
}

void
early_on_writable(struct conn *c)
{
	(void)c;
}

void
early_on_last_word(struct conn *c, end_reason why, const char *detail)
{
	(void)c;
	(void)why;
	(void)detail;
}

void
early_ended(struct conn *c, end_reason why, end_side side, const char *detail)
{
	c->owner = NULL;
	disconnect_log_end(c, why, side, detail);
	if (trace_is_on())
		tracing_ended(c, why, detail);
}
