/* SPDX-License-Identifier: Apache-2.0 */
/* serve/engine_process: see engine_process.h. */
#include "serve/engine_process.h"

#include "run/engine_role.h"
#include "serve/ask.h"
#include "serve/log.h"
#include "serve/pack_path.h"

/* The answers of a request that came as the last (ASK_WORDS), and cancelled jobs that the front
 * does not count any more. */
#define WAITING_SPARE (ASK_WORDS + 64u)

static bool work(const struct served *model, const struct config *config, int line, struct err *e)
{
    char path[STORE_PATH];
    bool kept = false;
    struct memplan plan;
    struct gguf *g = served_open(model, e);
    if (!g)
        return false;
    if (!pack_path(g, path, &kept, e)) {
        gguf_close(g);
        return false;
    }
    const struct packed_params pack = {.path = kept ? path : NULL};
    const struct engine_role role = {
        .g = g,
        .settings = &model->settings,
        .load = {.memory = config->memory,
                 .threads = config->threads,
                 .kv = KV_F16,
                 .pack = &pack,
                 .n_parallel = config->parallel,
                 .n_kept = ENGINE_KEPT,
                 .opening = model->opening},
        .max_waiting = config->queue + config->parallel + WAITING_SPARE,
        .in = line,
        .out = line,
    };
    return engine_role_run(&role, &plan, e);
}

int engine_process(const struct served *model, const struct config *config, int line)
{
    struct err e = {0};
    if (work(model, config, line, &e))
        return 0;
    log_event("engine-failed", "%s: %s", model->id, e.msg);
    return err_exit_status(e.code);
}
