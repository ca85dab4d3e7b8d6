/* SPDX-License-Identifier: Apache-2.0 */
/* serve/engine_process: see engine_process.h. */
#include "serve/engine_process.h"

#include <unistd.h>

#include "base/os.h"
#include "guard/sealed.h"
#include "run/engine_role.h"
#include "run/job.h"
#include "serve/ask.h"
#include "serve/isolate.h"
#include "serve/log.h"
#include "serve/pack_path.h"
#include "store/store.h"

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
    s->g = NULL;
    return false;
}

/* In the background half of them, so that whoever comes finds a processor that is free. */
static uint32_t threads_of(const struct config *config)
{
    uint32_t n = config->threads ? config->threads : os_cpu_count();
    return config->background && !config->threads ? (n + 1) / 2 : n;
}

/* --- sequences on disk ---------------------------------------------------------------------------
 */

static bool spill_write_begin(void *arg, uint64_t at, uint64_t n, struct str owner, struct err *e)
{
    return sealed_write_begin(arg, at, n, owner, e);
}

static bool spill_write(void *arg, const void *p, size_t n, struct err *e)
{
    return sealed_write(arg, p, n, e);
}

static bool spill_read_begin(void *arg, uint64_t at, uint64_t n, struct str owner, struct err *e)
{
    return sealed_read_begin(arg, at, n, owner, e);
}

static bool spill_read(void *arg, void *p, size_t n, struct err *e)
{
    return sealed_read(arg, p, n, e);
}

/* In the folder of the store, before this process gives up to open files. */
static bool open_spill(struct spill_file *f, const struct config *config, struct err *e)
{
    struct store s;
    char path[STORE_PATH];
    *f = (struct spill_file){0};
    if (!config->spill)
        return true;
    *f = (struct spill_file){.most = config->spill,
                             .bytes = sealed_bytes,
                             .write_begin = spill_write_begin,
                             .write = spill_write,
                             .read_begin = spill_read_begin,
                             .read = spill_read};
    return store_open(&s, true, e) && (f->arg = sealed_new(store_path(&s, path, "%s", ""), e));
}

/* To whoever waits for the model. */
static void say_why(int line, const struct err *e)
{
    struct buf out;
    const struct job_error why = {.err = *e};
    buf_init(&out, 1u << 16);
    job_put_error(&out, 0, &why);
    ssize_t n = write(line, buf_c(&out), out.n);
    (void)n; /* nobody is there */
    buf_clear(&out);
}

/* What an engine is made of. */
struct sources {
    struct source main, draft;
    struct lora_files adapters;
};

static void close_sources(struct sources *s)
{
    gguf_close(s->main.g);
    gguf_close(s->draft.g);
    lora_files_close(&s->adapters);
}

static bool open_sources(struct sources *s, const struct served *model, struct err *e)
{
    *s = (struct sources){0};
    bool ok = open_source(&s->main, model, false, e) &&
              (!model->draft || open_source(&s->draft, model->draft, true, e));
    for (uint32_t i = 0; ok && i < model->n_adapters; i++) {
        struct gguf *g = served_open(model->adapters[i], false, e);
        if (g)
            s->adapters.v[s->adapters.n++] = (struct lora_file){g, model->adapter_scale[i]};
        ok = g != NULL;
    }
    if (!ok)
        close_sources(s);
    return ok;
}

static bool work(const struct served *model, const struct config *config, int line, struct err *e)
{
    struct sources from;
    struct memplan plan;
    struct isolate isolate;
    struct spill_file spill;
    if (!open_spill(&spill, config, e) || !isolate_engine(&isolate, model, config, e) ||
        !open_sources(&from, model, e))
        return false;
    const struct engine_role role = {
        .g = from.main.g,
        .settings = &model->settings,
        .load = {.memory = config->memory,
                 .threads = threads_of(config),
                 .kv = KV_F16,
                 .pack = &from.main.pack.params,
                 .draft = {from.draft.g, &from.draft.pack.params},
                 .n_parallel = config->parallel,
                 .n_kept = ENGINE_KEPT,
                 .opening = model->opening,
                 .adapters = from.adapters},
        .max_waiting = config->queue + config->parallel + WAITING_SPARE,
        .accounts = true,
        .spill = spill,
        .in = line,
        .out = line,
        .ready = isolate_seal,
        .ready_arg = &isolate,
    };
    bool ok = engine_role_run(&role, &plan, e);
    sealed_free(spill.arg);
    return ok;
}

int engine_process(const struct served *model, const struct config *config, int line)
{
    struct err e = {0};
    if (config->background)
        os_background();
    if (work(model, config, line, &e))
        return 0;
    log_event("engine-failed", "%s: %s", model->id, e.msg);
    say_why(line, &e);
    return err_exit_status(e.code);
}
