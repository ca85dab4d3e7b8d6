/* SPDX-License-Identifier: Apache-2.0 */
/* serve/engine_process: see engine_process.h. */
#include "serve/engine_process.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
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

enum { WAITER_STACK = 1 << 18 };

/* A model's file, and where its packed weights are. */
struct source {
    struct gguf *g;
    struct pack_choice pack;
};

static bool open_source(struct source *s, const struct admission *a, const struct served *model,
                        bool draft, struct err *e)
{
    s->g = served_open(model, a, draft, e);
    if (s->g && pack_choose(&s->pack, s->g, e))
        return true;
    gguf_close(s->g);
    s->g = NULL;
    return false;
}

/* --- how long it may run -------------------------------------------------------------------------
 */

static void *wait_for_end(void *arg)
{
    int64_t *left = arg;
    struct timespec rest = {.tv_sec = (time_t)*left};
    mem_free(left);
    while (clock_nanosleep(CLOCK_BOOTTIME, 0, &rest, &rest) == EINTR) {
    }
    log_event("policy-ended", "what let this model run has expired");
    _exit(err_exit_status(ERR_DENIED));
}

/* When the policy, or what it says of this model, ends, so does the engine, whatever it is at: the
 * next one is let run by a newer policy or not at all. */
static bool end_in(int64_t seconds, struct err *e)
{
    pthread_t thread;
    pthread_attr_t attr;
    int64_t *left = mem_new(1, sizeof *left, e);
    if (!left)
        return false;
    *left = seconds;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, WAITER_STACK);
    bool ok = pthread_create(&thread, &attr, wait_for_end, left) == 0;
    pthread_attr_destroy(&attr);
    if (ok)
        return true;
    mem_free(left);
    return fail(e, ERR_LIMIT, "cannot start a thread");
}

/* The time of its end, of the policy or of this model; 0: there is none. */
static int64_t end_of(const struct admission *a, const struct gguf *g)
{
    int64_t end = a->policy.terms.expires;
    for (size_t i = 0; g && i < a->policy.n; i++) {
        const struct policy_model *m = &a->policy.v[i];
        if (hash_eq(&m->sha256, &g->approval->sha256) && m->not_after &&
            (!end || m->not_after < end))
            end = m->not_after;
    }
    return end;
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

/* The first of the ends that there are. */
static bool end_with_policy(const struct admission *a, const struct sources *s, struct err *e)
{
    int64_t end = end_of(a, s->main.g);
    for (uint32_t i = 0; i <= s->adapters.n; i++) {
        int64_t other = end_of(a, i < s->adapters.n ? s->adapters.v[i].g : s->draft.g);
        end = !end || (other && other < end) ? other : end;
    }
    return !end || end_in(end - a->now, e);
}

static bool open_adapters(struct sources *s, const struct admission *a, const struct served *model,
                          struct err *e)
{
    for (uint32_t i = 0; i < model->n_adapters; i++) {
        struct gguf *g = served_open(model->adapters[i], a, false, e);
        if (!g)
            return false;
        s->adapters.v[s->adapters.n++] = (struct lora_file){g, model->adapter_scale[i]};
    }
    return true;
}

/* All of it by one and the same policy. */
static bool open_sources(struct sources *s, const struct served *model, bool required,
                         struct err *e)
{
    struct admission a = {0};
    *s = (struct sources){0};
    bool ok = admit_begin(&a, required, e) && open_source(&s->main, &a, model, false, e) &&
              (!model->draft || open_source(&s->draft, &a, model->draft, true, e)) &&
              open_adapters(s, &a, model, e) && (!a.enforced || end_with_policy(&a, s, e));
    admit_end(&a);
    if (!ok)
        close_sources(s);
    return ok;
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

static bool work(const struct served *model, const struct config *config, int line, struct err *e)
{
    struct sources from;
    struct memplan plan;
    struct isolate isolate;
    struct spill_file spill;
    if (!open_spill(&spill, config, e) || !isolate_engine(&isolate, model, config, e) ||
        !open_sources(&from, model, config->require_policy, e))
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

/* The front has fallen, and its engines end with it: that says nothing against the model. */
static bool front_is_gone(int line)
{
    struct pollfd p = {.fd = line, .events = POLLIN};
    return poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR);
}

int engine_process(const struct served *model, const struct config *config, int line)
{
    struct err e = {0};
    if (config->background)
        os_background();
    if (work(model, config, line, &e))
        return 0;
    if (front_is_gone(line))
        return 0;
    log_event("engine-failed", "%s: %s", model->id, e.msg);
    say_why(line, &e);
    return err_exit_status(e.code);
}
