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

/* A model's file, and where its packed weights are. */
struct source {
    struct gguf *g;
    struct pack_choice pack;
};

static bool open_source(struct source *s, const struct served *model, bool draft, struct err *e)
{
    s->g = served_open(model, draft, e);
    if (s->g && pack_choose(&s->pack, s->g, e))
        return true;
    gguf_close(s->g);
    return false;
}

static bool work(const struct served *model, const struct config *config, int line, struct err *e)
{
    struct source main, draft = {0};
    struct memplan plan;
    if (!open_source(&main, model, false, e))
        return false;
    if (model->draft && !open_source(&draft, model->draft, true, e)) {
        gguf_close(main.g);
        return false;
    }
    const struct engine_role role = {
        .g = main.g,
        .settings = &model->settings,
        .load = {.memory = config->memory,
                 .threads = config->threads,
                 .kv = KV_F16,
                 .pack = &main.pack.params,
                 .draft = {draft.g, &draft.pack.params},
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
