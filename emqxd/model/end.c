/* SPDX-License-Identifier: Apache-2.0 */
/*
 * end: the register of ends, as a table.
 */
#include "emqxd/model/end.h"
#include "ipc/base/check.h"

#define END(id_, name_, legacy_, side_, code_, meaning_, causes_, advice_)        \
	[END_##id_] = { name_, legacy_, END_BY_##side_, code_, meaning_, causes_, \
		advice_ },

static const struct end_info table[END_N] = {
#include "emqxd/model/end.def"
};
#undef END

const struct end_info *
end_get(end_reason r)
{
	CHECK(r < END_N);
	return &table[r];
}

end_reason
end_of_code(uint8_t code)
{
	end_reason r = 0;

	while (r < END_N && (code == 0 || table[r].code != code))
		r++;
	return r;
}

const char *
end_side_name(end_side s)
{
	static const char *const name[END_SIDE_N] = {
		[END_BY_CLIENT] = "client",
		[END_BY_SERVER] = "server",
		[END_BY_NETWORK] = "network",
	};

	CHECK(s < END_SIDE_N);
	return name[s];
}
