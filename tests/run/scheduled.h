/* SPDX-License-Identifier: Apache-2.0 */
/* A scheduler over a real model, and what it tells of each job: for the tests of run/schedule. */
#ifndef MOAT_TESTS_RUN_SCHEDULED_H
#define MOAT_TESTS_RUN_SCHEDULED_H

#include "base/json.h"
#include "base/os.h"
#include "run/long_text.h"
#include "run/real_model.h"
#include "run/schedule.h"

enum { MOST = 24 };

/* What has been told of a job. */
struct told {
    struct buf text;
    uint32_t n_ids, n_parts, started, n_reused, order;
    bool ended;
    struct job_done done;
    struct job_error error;
    struct buf logprobs;
};

struct opened {
    struct loaded l;
    struct memplan plan;
    struct schedule *s;
    struct settings settings;
    struct told told[MOST + 1]; /* by id, from 1 */
    uint32_t n_ended;
    uint32_t cancel_at; /* looks until `cancel` is cancelled; 0: it is not */
    uint64_t cancel;
};

static inline void check(bool ok, const struct err *e)
{
    if (!ok)
        fail_msg("%s", e->msg);
}

static inline void on_started(void *arg, const struct prepared *p, uint32_t n_reused)
{
    struct opened *o = arg;
    o->told[p->id].started++;
    o->told[p->id].n_reused = n_reused;
}

static inline void on_text(void *arg, const struct prepared *p, struct str text,
                           const uint32_t *ids, uint32_t n_ids, struct str logprobs)
{
    struct told *t = &((struct opened *)arg)->told[p->id];
    assert_true(str_utf8_valid(text) && (n_ids == 0 || ids));
    buf_str(&t->text, text);
    buf_str(&t->logprobs, logprobs);
    t->n_ids += n_ids;
    t->n_parts++;
}

static inline void end(struct opened *o, uint64_t id)
{
    assert_false(o->told[id].ended);
    o->told[id].ended = true;
    o->told[id].order = ++o->n_ended;
}

static inline void on_done(void *arg, const struct prepared *p, const struct job_done *d)
{
    struct opened *o = arg;
    o->told[p->id].done = *d;
    end(o, p->id);
}

static inline void on_failed(void *arg, const struct prepared *p, const struct job_error *why)
{
    struct opened *o = arg;
    o->told[p->id].error = *why;
    end(o, p->id);
}

static inline void on_look(void *arg)
{
    struct opened *o = arg;
    if (o->cancel_at && --o->cancel_at == 0) {
        assert_true(schedule_cancel(o->s, o->cancel));
        assert_false(o->told[o->cancel].ended); /* not before the pass has stopped */
    }
}

static const struct schedule_events events = {on_started, on_text, on_done, on_failed, on_look};
static struct packed_params pack;

static inline void open_model(struct opened *o, const char *name, struct load_options load,
                              uint32_t n_ctx, uint32_t max_waiting)
{
    struct err e;
    char path[1024];
    *o = (struct opened){0};
    settings_init(&o->settings);
    o->settings.context_window = n_ctx;
    o->settings.temperature = 0;
    load.pack = &pack;
    for (uint32_t i = 0; i <= MOST; i++) {
        buf_init(&o->told[i].text, 1 << 20);
        buf_init(&o->told[i].logprobs, 1 << 20);
    }
    struct gguf *g = gguf_open(real_model(name, path), &e);
    check(g && loaded_open(&o->l, g, &o->settings, &load, &o->plan, &e) &&
              (o->s = schedule_new(&o->l, max_waiting, &events, o, &e)),
          &e);
}

static inline void close_model(struct opened *o)
{
    schedule_free(o->s);
    loaded_close(&o->l);
    settings_clear(&o->settings);
    for (uint32_t i = 0; i <= MOST; i++) {
        buf_clear(&o->told[i].text);
        buf_clear(&o->told[i].logprobs);
    }
}

static inline struct prepared *prepare(struct opened *o, uint64_t id, json_t *job)
{
    struct buf text;
    struct err e;
    buf_init(&text, 1 << 20);
    check(json_write(job, 0, &text, &e), &e);
    json_decref(job);
    struct prepared *p = prepared_new(&o->l, &o->settings, id, buf_view(&text), os_now_ns(), &e);
    assert_non_null(p);
    buf_clear(&text);
    return p;
}

static inline void submit(struct opened *o, uint64_t id, json_t *job)
{
    struct prepared *p = prepare(o, id, job);
    check(p->error.err.code == ERR_NONE, &p->error.err);
    assert_int_equal(p->task, PREPARED_ANSWER);
    schedule_submit(o->s, p);
}

static inline void run_all(struct opened *o)
{
    for (uint32_t i = 0; schedule_step(o->s); i++)
        assert_true(i < 100000);
}

#endif
