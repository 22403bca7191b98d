/* SPDX-License-Identifier: Apache-2.0 */
/* broker: what the node is and what it counts. */
#include "ipc/base/str.h"
#include "emqxd/core/clock.h"
#include "emqxd/model/metrics.h"
#include "emqxd/observe/stats.h"
#include "emqxd/admin/admin.h"
#include "emqxd/admin/op.h"

static em_err
broker_call(struct op_ctx *op)
{
	struct row_writer *row = op_row(op);

	row_str(row, "sysdescr", "emqxd MQTT broker");
	row_str(row, "version", EMQXD_VERSION);
	row_time(row, "datetime", clock_wall());
	row_span(row, "uptime", admin_uptime());
	row_str(row, "node", admin_house()->node);
	op_row_end(op);
	return EM_OK;
}

const struct op op_BROKER = { .where = OP_ADMIN, .call = broker_call };

static void
stat_row(
    struct op_ctx *op, const struct observe_stat *stat, const char *what, uint64_t value)
{
	struct row_writer *row = op_row(op);

	row_strf(row, "name", "%s.%s", stat->name, what);
	row_int(row, "value", (int64_t)value);
	row_strf(row, "help", "%s%s", what[0] == 'm' ? "most ever: " : "", stat->help);
	op_row_end(op);
}

static em_err
stats_call(struct op_ctx *op)
{
	struct observe_stat stat;

	for (unsigned i = 0; observe_stats_get(i, &stat); i++) {
		stat_row(op, &stat, "count", stat.count);
		stat_row(op, &stat, "max", stat.max);
	}
	return EM_OK;
}

const struct op op_BROKER_STATS = { .where = OP_ADMIN, .call = stats_call };

static em_err
metrics_call(struct op_ctx *op)
{
	for (unsigned i = 0; i < METRIC_N; i++) {
		const struct metrics_info *info = metrics_get(i);
		struct row_writer *row = op_row(op);

		row_str(row, "name", info->name);
		row_int(row, "value", (int64_t)metrics_read(i));
		row_str(row, "help", info->help[0] != '\0' ? info->help : NULL);
		op_row_end(op);
	}
	return EM_OK;
}

const struct op op_BROKER_METRICS = { .where = OP_ADMIN, .call = metrics_call };
