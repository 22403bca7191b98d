/* SPDX-License-Identifier: Apache-2.0 */
/*
 * end: why a connection ended, and who ended it.  The register is end.def.
 */
#ifndef MODEL_END_H
#define MODEL_END_H

#include <stdint.h>

typedef enum end_reason {
#define END(id_, ...) END_##id_,
#include "emqxd/model/end.def"
#undef END
	END_N
} end_reason;

typedef enum end_side {
	END_BY_CLIENT,
	END_BY_SERVER,
	END_BY_NETWORK,
	END_SIDE_N
} end_side;

struct end_info {
	const char *name, *legacy; /* "tcp_closed", "closed" */
	end_side side;             /* who ends it as a rule */
	uint8_t code;              /* DISCONNECT of MQTT 5; 0: none is sent */
	const char *meaning, *causes, *advice;
};

const struct end_info *end_get(end_reason r);
/* The first one before which the server says @code; END_N when there is none. */
end_reason end_of_code(uint8_t code);
const char *end_side_name(end_side s); /* "client", "server", "network" */

#endif
