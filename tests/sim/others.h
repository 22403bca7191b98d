/* SPDX-License-Identifier: Apache-2.0 */
/* others: other nodes, as far as this one notices when they want nothing: SUBACK waits
 * until they know, which is some turns of another worker later. */
#ifndef TESTS_SIM_OTHERS_H
#define TESTS_SIM_OTHERS_H

void others_birth(void);
void others_death(void);

#endif
