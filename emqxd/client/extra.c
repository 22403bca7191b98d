/* SPDX-License-Identifier: Apache-2.0 */
/* extra: see extra.h. */
#include "emqxd/client/extra.h"
#include "ipc/base/mem.h"

struct channel_extra *
extra_of(struct channel_extra **ep)
{
	if (*ep == NULL)
		*ep = MEM_NEW(struct channel_extra);
	return *ep;
}

void
extra_free(struct channel_extra **ep)
{
	if (*ep == NULL)
		return;
	alias_free(&(*ep)->alias_in);
	alias_out_free(&(*ep)->alias_out);
	auth_exchange_drop(&(*ep)->auth);
	mem_free((*ep)->subscribing);
	MEM_FREE(*ep);
}
