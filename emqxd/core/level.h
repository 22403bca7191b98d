/* SPDX-License-Identifier: Apache-2.0 */
/*
 * level: one number for all that nodes say to each other and keep for each other: frames,
 * entries of the ordered log, rows.  This build speaks LEVEL_MIN to LEVEL_MAX; of two nodes
 * the lower maximum holds between them, of a cluster the least of its members' (nodes_level()
 * in model/nodes.h).  When and how to raise them: link/link.h.
 */
#ifndef CORE_LEVEL_H
#define CORE_LEVEL_H

#define LEVEL_MIN 1
#define LEVEL_MAX 1

#endif
