/* SPDX-License-Identifier: Apache-2.0 */
/* cli/bench_explain: what `moat bench --explain` says of where the time went. */
#ifndef MOAT_CLI_BENCH_EXPLAIN_H
#define MOAT_CLI_BENCH_EXPLAIN_H

#include "base/json.h"
#include "lab/bench.h"

/* Tables on stdout, of at most 80 columns. */
bool explain_print(const struct bench_params *p, const struct bench_result *r,
                   struct err *e) MUST_USE;
/* {"read_bytes_per_s": {"plain", "prefetching"}, "macs_per_s": {"f32", "int8", "bf16"}, "prefill":
 * {"passes", "seconds", "stages": [..]}, "decode": the same}; NULL without memory. The caller owns
 * it. */
json_t *explain_json(const struct bench_params *p, const struct bench_result *r);

#endif
