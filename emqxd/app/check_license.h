/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_license: emqxd check_license FILE: what a licence allows, and whether it is genuine
 * by license.public_key of the configuration; where there is no configuration, by the key
 * that emqxd was built with.
 */
#ifndef APP_CHECK_LICENSE_H
#define APP_CHECK_LICENSE_H

struct options;
/* 0: it is genuine, and new clients may come. */
int check_license_run(const struct options *o);

#endif
