/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subopts: what a subscription asked for [MQTT5-3.8.3.1].  8 bytes, copied.
 */
#ifndef MODEL_SUBOPTS_H
#define MODEL_SUBOPTS_H

#include <stdbool.h>
#include <stdint.h>

struct subopts {
	uint32_t id; /* subscription identifier; 0: none */
	uint8_t qos;
	uint8_t retain_handling;
	bool no_local : 1;
	bool retain_as_published : 1;
	bool exclusive : 1; /* $exclusive/: nobody else may have the filter so */
};

#endif
