/* SPDX-License-Identifier: Apache-2.0 */
/* settings: the configuration of the whole house: all rooms' sections, loaded. */
#ifndef APP_SETTINGS_H
#define APP_SETTINGS_H

#include "emqxd/conf/load.h"

struct options;

/* All of them. */
const struct conf_section *const *settings_sections(size_t *n);
/* As conf_load, of @file, of what was set over it (conf/persist.h, in the data folder of
 * @before, else in that which the file names) and of the environment. */
EM_MUST_USE em_err settings_load(const char *file, const struct conf_snapshot *before,
    struct conf_snapshot **out, struct conf_report *report);
/* The same as if @over were what was set over it. */
EM_MUST_USE em_err settings_try(const struct options *o,
    const struct conf_snapshot *before, const struct str *over,
    struct conf_snapshot **out, struct conf_report *report);
/* The same for who only looks: faults go to stderr, warnings too if @warn. */
EM_MUST_USE em_err settings_read(const char *file, bool warn, struct conf_snapshot **out);
/* Faults and warnings to stderr. */
void settings_say(const struct conf_report *report);
/* The same of one that cannot be used, and what to do. */
void settings_refuse(const struct conf_report *report);
/* Each warning is a line of the log. */
void settings_log_warnings(const struct conf_report *report);
/* The keys as mdoc. */
void settings_docs(struct str *out);

#endif
