/* SPDX-License-Identifier: Apache-2.0 */
/* main: to the assembly. */
#include "emqxd/app/app.h"

int
main(int argc, char **argv)
{
	return app_run(argc, argv);
}
