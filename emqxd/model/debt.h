/* SPDX-License-Identifier: Apache-2.0 */
/*
 * debt: who lent a message wants to know when it is over here.
 *
 * A message that came from another node for one member of a shared group carries a number
 * (message.h: debt).  It goes with the message from view to kept form, from worker to
 * worker, and is paid once, when the last reference goes: it was acknowledged, dropped, or
 * went to another node.
 *
 * Any worker pays; the link thread hears of it (routes/owed.h).
 */
#ifndef MODEL_DEBT_H
#define MODEL_DEBT_H

#include <stdint.h>

/* On the link thread, which calls debt_use(NULL) before it ends. */
typedef void debt_paid_fn(uint32_t debt);
void debt_use(debt_paid_fn *fn);

/* Not 0. */
void debt_pay(uint32_t debt);

#endif
