/* SPDX-License-Identifier: Apache-2.0 */
/* run/engine_role: see engine_role.h. */
#include "run/engine_role.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "compute/kv_block.h"
#include "engine/arch.h"
#include "engine/embedding.h"
#include "run/approval.h"
#include "run/desk.h"
#include "run/infill.h"
#include "run/schedule.h"

#define OUT_MOST   (512u << 20) /* not read yet by the other end */
#define OUT_HIGH   (8u << 20)   /* so much of it, and computing stops */
#define EMBED_MOST 16u          /* texts of one pass */
#define LATE_MS    20           /* how late a deadline may be noticed while nothing is computed */
#define TELL_MS    250u         /* between two tellings of numbers, while there is work */
#define LOADING_MS 100u         /* and of how far loading is */

struct role {
    const struct engine_role *r;
    struct loaded l;
    struct schedule *schedule;
    struct desk *desk;
    struct job_reader reader;
    struct buf out;
    size_t sent;             /* bytes of out */
    struct prepared *embeds; /* oldest first */
    uint64_t n_embedded;
    struct schedule_stats told; /* by JOB_STATS of no job */
    uint64_t told_ns;
    bool over;
    bool broken; /* the line: `why` */
    struct err why;
};

/* --- what is said ---------------------------------------------------------------------------- */

static void say_error(struct role *r, uint64_t id, const struct job_error *why)
{
    job_put_error(&r->out, id, why);
}

/* Never silent: where the message itself does not fit, that is said. */
static void say_result(struct role *r, uint64_t id, const json_t *result)
{
    struct job_error why = {0};
    r->out.bad = false;
    job_put_json(&r->out, JOB_RESULT, id, result);
    if (!r->out.bad)
        return;
    r->out.bad = false;
    fail(&why.err, ERR_LIMIT, "the answer is too large to be passed on; ask for less at once");
    say_error(r, id, &why);
}

static void say_cancelled(struct role *r, uint64_t id)
{
    const struct job_done d = {.finish = "cancelled"};
    job_put_done(&r->out, id, &d);
}

static void on_started(void *arg, const struct prepared *p, uint32_t n_reused)
{
    struct role *r = arg;
    job_put_started(&r->out, p->id, (uint32_t)p->prompt.n, n_reused);
}

/* Tokens whose text comes in parts: the first part takes them along. */
struct telling {
    struct buf *out;
    uint64_t id;
    const uint32_t *ids;
    uint32_t n_ids;
    struct str logprobs;
};

static void say_part(void *arg, enum job_part part, struct str text)
{
    struct telling *t = arg;
    job_put_text(t->out, t->id, part, text, t->ids, t->n_ids, t->logprobs);
    t->n_ids = 0;
    t->logprobs = STR("");
}

static void on_text(void *arg, const struct prepared *p, struct str text, const uint32_t *ids,
                    uint32_t n_ids, struct str logprobs)
{
    struct role *r = arg;
    struct telling t = {&r->out, p->id, ids, n_ids, logprobs};
    if (p->parts)
        parts_push(p->parts, text, say_part, &t);
    if (!p->parts || t.n_ids) /* text that is kept back comes later */
        say_part(&t, JOB_CONTENT, p->parts ? STR("") : text);
}

static void on_done(void *arg, const struct prepared *p, const struct job_done *d)
{
    struct role *r = arg;
    struct telling t = {.out = &r->out, .id = p->id};
    if (p->parts)
        parts_end(p->parts, say_part, &t);
    job_put_done(&r->out, p->id, d);
}

static void on_failed(void *arg, const struct prepared *p, const struct job_error *why)
{
    say_error(arg, p->id, why);
}

static json_t *text_of(struct str s)
{
    return json_stringn(s.p ? s.p : "", str_utf8_valid(s) ? s.n : 0);
}

/* Bytes by kind. */
static json_t *memory_of(const struct memplan *p)
{
    return json_pack("{sI sI sI sI sI sI sI sI sI}", "weights", (json_int_t)p->weights, "kv",
                     (json_int_t)p->kv, "states", (json_int_t)p->states, "scratch",
                     (json_int_t)p->scratch, "text", (json_int_t)p->text, "draft",
                     (json_int_t)p->draft, "adapters", (json_int_t)p->adapters, "program",
                     (json_int_t)p->program, "total", (json_int_t)p->total);
}

static json_t *facts(const struct loaded *l)
{
    static const char *const poolings[] = {"none", "mean", "cls", "last", "rank", ""};
    const struct model *m = l->model;
    const struct vocab *v = l->vocab;
    struct str template = STR("");
    if (l->chat)
        (void)!gguf_get_str(l->g, "tokenizer.chat_template", &template, NULL);
    json_t *j =
        json_pack("{sI sI sI sI sI sI sI ss ss sb sb sb sb sb sb ss ss}", "n_ctx",
                  (json_int_t)loaded_context(l), "n_ctx_train", (json_int_t)m->h.n_ctx_train,
                  "n_vocab", (json_int_t)v->n_tokens, "n_params", (json_int_t)gguf_n_weights(l->g),
                  "bytes", (json_int_t)l->g->file_bytes, "n_parallel", (json_int_t)l->n_parallel,
                  "n_embd", (json_int_t)m->h.d_model, "architecture", m->h.arch->name, "kv_type",
                  kv_type_name(l->f->p.kv.type), "generates", !l->embeds, "embeds", l->embeds,
                  "template", l->chat != NULL, "infill", infill_can(v) && !l->embeds, "tools",
                  l->chat && toolcall_has_calls(chat_format(l->chat)), "thinks",
                  str_find(template, STR("enable_thinking")) != SIZE_MAX, "pooling",
                  poolings[m->h.pooling], "quantization", dtype_name(gguf_most_weights(l->g)));
    if (l->g->approval)
        json_object_set_new(j, "approved", approval_json(l->g->approval));
    json_object_set_new(j, "chat_template", text_of(template));
    json_object_set_new(j, "bos", text_of(vocab_text(v, v->bos)));
    json_object_set_new(j, "eos", text_of(vocab_text(v, v->eos)));
    return j;
}

static json_t *slot_of(const struct schedule_slot *s)
{
    return json_pack("{sI sI sI sI sb}", "id", (json_int_t)s->id, "n_tokens",
                     (json_int_t)s->n_tokens, "n_prompt", (json_int_t)s->n_prompt, "n_generated",
                     (json_int_t)s->n_generated, "decoding", s->decoding);
}

/* Those that work, then idle ones: as many as can work at once. */
static json_t *slots(const struct schedule *s, uint32_t n_parallel)
{
    json_t *list = json_array();
    for (int working = 1; working >= 0; working--)
        for (uint32_t i = 0; i < schedule_slots(s) && json_array_size(list) < n_parallel; i++) {
            struct schedule_slot slot;
            schedule_slot(s, i, &slot);
            if ((slot.id != 0) == working)
                json_array_append_new(list, slot_of(&slot));
        }
    return list;
}

static json_t *spill_of(const struct spill_stats *s)
{
    return json_pack("{sI sI sI sI sI sI}", "sequences", (json_int_t)s->n, "bytes",
                     (json_int_t)s->bytes, "written", (json_int_t)s->n_written, "read",
                     (json_int_t)s->n_read, "failed", (json_int_t)s->n_failed, "tokens",
                     (json_int_t)s->read_tokens);
}

static json_t *stats_of(const struct role *r, const struct schedule_stats *s)
{
    json_t *j =
        json_pack("{sI sI sI sI sI sI sI sI sI sI sI sI sI sI sI sf sf sf}", "n_parallel",
                  (json_int_t)s->n_parallel, "n_running", (json_int_t)s->n_running, "n_waiting",
                  (json_int_t)s->n_waiting, "n_kept", (json_int_t)s->n_kept, "kept_tokens",
                  (json_int_t)s->kept_tokens, "kv_blocks", (json_int_t)s->kv_blocks, "kv_free",
                  (json_int_t)s->kv_free, "n_prompt", (json_int_t)s->n_prompt, "n_reused",
                  (json_int_t)s->n_reused, "n_generated", (json_int_t)s->n_generated, "n_guessed",
                  (json_int_t)s->n_guessed, "n_right", (json_int_t)s->n_right, "n_ended",
                  (json_int_t)s->n_ended, "n_failed", (json_int_t)s->n_failed, "n_embedded",
                  (json_int_t)r->n_embedded, "prompt_s", s->prompt_s, "decode_s", s->decode_s,
                  "prompt_tps", s->prompt_tps);
    if (r->r->spill.arg)
        json_object_set_new(j, "spill", spill_of(&s->spill));
    return j;
}

static void say_stats(struct role *r, uint64_t id)
{
    struct schedule_stats s;
    schedule_stats(r->schedule, &s);
    json_t *j = stats_of(r, &s);
    json_object_set_new(j, "slots", slots(r->schedule, r->l.n_parallel));
    job_put_json(&r->out, JOB_STATS, id, j);
    json_decref(j);
}

/* Unasked: what has changed since it was told, now and then, and at last when all is quiet. */
static void tell_stats(struct role *r, bool quiet)
{
    struct schedule_stats s, *told = &r->told;
    uint64_t now = r->r->accounts ? os_now_ns() : 0;
    if (!r->r->accounts || (!quiet && now - r->told_ns < TELL_MS * 1000000ull))
        return;
    r->told_ns = now;
    schedule_stats(r->schedule, &s);
    if (s.n_running == told->n_running && s.n_waiting == told->n_waiting &&
        s.kv_blocks == told->kv_blocks && s.kv_free == told->kv_free &&
        memcmp(&s.spill, &told->spill, sizeof s.spill) == 0)
        return;
    *told = s;
    json_t *j = stats_of(r, &s);
    job_put_json(&r->out, JOB_STATS, 0, j);
    json_decref(j);
}

/* --- what is asked --------------------------------------------------------------------------- */

static void submit(struct role *r, const struct job_message *m)
{
    struct job_error why = {0};
    if (desk_give(r->desk, m->id, m->payload, &why.err))
        return;
    why.retry_s = 1;
    say_error(r, m->id, &why);
}

static bool cancel_embed(struct role *r, uint64_t id)
{
    for (struct prepared **at = &r->embeds, *p; (p = *at); at = &p->next)
        if (p->id == id) {
            *at = p->next;
            prepared_free(p);
            say_cancelled(r, id);
            return true;
        }
    return false;
}

/* One that is not there has ended: its end is on the way. */
static void cancel(struct role *r, uint64_t id)
{
    if (!schedule_cancel(r->schedule, id) && !cancel_embed(r, id))
        (void)desk_cancel(r->desk, id);
}

static void obey(struct role *r, const struct job_message *m)
{
    if (m->kind == JOB_SUBMIT)
        submit(r, m);
    else if (m->kind == JOB_CANCEL)
        cancel(r, m->id);
    else if (m->kind == JOB_PAUSE || m->kind == JOB_RESUME)
        (void)schedule_pause(r->schedule, m->id, m->kind == JOB_PAUSE); /* it may have ended */
    else if (m->kind == JOB_STATS)
        say_stats(r, m->id);
    else
        r->over = true;
}

/* Takes what has come, without waiting. False: the line is broken. */
static bool listen_in(struct role *r, struct err *e)
{
    char piece[65536];
    for (uint32_t i = 0; !r->over && i < 64; i++) {
        ssize_t n = read(r->r->in, piece, sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return true;
        if (n <= 0) {
            r->over = true;
            return true;
        }
        struct job_message m;
        bool got = true;
        if (!job_feed(&r->reader, piece, (size_t)n, e))
            return false;
        while (!r->over && got) {
            if (!job_next(&r->reader, &m, &got, e))
                return false;
            if (got)
                obey(r, &m);
        }
    }
    return true;
}

/* Inside a long step: cancels are taken up, what is broken is said after it. */
static void on_look(void *arg)
{
    struct role *r = arg;
    if (!r->over && !r->broken)
        r->broken = !listen_in(r, &r->why);
}

static const struct schedule_events events = {on_started, on_text, on_done, on_failed, on_look};

static void sort(struct role *r, struct prepared *p)
{
    if (p->task == PREPARED_ANSWER) {
        schedule_submit(r->schedule, p);
        return;
    }
    if (p->task == PREPARED_EMBED) {
        struct prepared **last = &r->embeds;
        while (*last)
            last = &(*last)->next;
        *last = p;
        return;
    }
    if (p->result)
        say_result(r, p->id, p->result);
    else
        say_error(r, p->id, &p->error);
    prepared_free(p);
}

/* Does the other end read what is said? */
static bool is_heard(const struct role *r)
{
    return r->out.n - r->sent < OUT_HIGH;
}

static void take_prepared(struct role *r)
{
    struct desk_job job;
    while (is_heard(r) && desk_take(r->desk, &job)) {
        struct job_error why = {0};
        if (job.cancelled) {
            say_cancelled(r, job.id);
            prepared_free(job.p);
        } else if (job.p) {
            sort(r, job.p);
        } else {
            fail(&why.err, ERR_LIMIT, "out of memory");
            say_error(r, job.id, &why);
        }
    }
}

/* --- vectors --------------------------------------------------------------------------------- */

static void say_vector(struct role *r, const struct prepared *p, const float *v, uint32_t n)
{
    struct job_error why = {0};
    json_t *list = json_array();
    for (uint32_t i = 0; i < n && isfinite(v[i]); i++)
        json_array_append_new(list, json_real((double)v[i]));
    json_t *j = json_pack("{sO sI}", "embedding", list, "n_prompt", (json_int_t)p->prompt.n);
    if (json_array_size(list) == n)
        say_result(r, p->id, j);
    else if (!fail(&why.err, ERR_CORRUPT, "the model's vector of the text holds no numbers"))
        say_error(r, p->id, &why);
    json_decref(list);
    json_decref(j);
}

static void say_score(struct role *r, const struct prepared *p, const float *logit, uint32_t n)
{
    struct job_error why = {0};
    json_t *j = json_pack("{sf sf sI}", "score", (double)embedding_score(logit, n), "logit",
                          (double)logit[0], "n_prompt", (json_int_t)p->prompt.n);
    if (j)
        say_result(r, p->id, j);
    else if (!fail(&why.err, ERR_CORRUPT, "the model's score of the text is no number"))
        say_error(r, p->id, &why);
    json_decref(j);
}

/* Their vectors, or where the model ranks their scores (run/prepared has looked which). */
static bool embed_some(struct role *r, struct prepared **of, uint32_t n, struct err *e)
{
    struct embed_text text[EMBED_MOST];
    enum pooling pooling = r->l.model->h.pooling;
    uint32_t width = embedding_width(r->l.model, pooling);
    float *out = mem_new((size_t)n * width, sizeof *out, e);
    for (uint32_t i = 0; out && i < n; i++)
        text[i] = (struct embed_text){of[i]->prompt.id, (uint32_t)of[i]->prompt.n, of[i]->n_first,
                                      out + (size_t)i * width};
    bool ok = out && embed_texts(r->l.f, pooling, text, n, e);
    for (uint32_t i = 0; ok && i < n; i++) {
        if (pooling == POOLING_RANK) {
            say_score(r, of[i], text[i].out, width);
        } else {
            embedding_normalise(text[i].out, width);
            say_vector(r, of[i], text[i].out, width);
        }
    }
    mem_free(out);
    return ok;
}

/* A group of the texts that wait for their vectors. */
static bool embed_step(struct role *r)
{
    struct prepared *of[EMBED_MOST];
    struct job_error why = {0};
    uint32_t n = 0;
    while (n < EMBED_MOST && r->embeds) {
        of[n++] = r->embeds;
        r->embeds = r->embeds->next;
    }
    if (n == 0)
        return false;
    bool ok = embed_some(r, of, n, &why.err);
    r->n_embedded += ok ? n : 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!ok)
            say_error(r, of[i]->id, &why);
        prepared_free(of[i]);
    }
    return true;
}

/* --- the loop -------------------------------------------------------------------------------- */

/* Gives out what the other end takes now. */
static void speak(struct role *r)
{
    while (r->sent < r->out.n) {
        ssize_t n = write(r->r->out, r->out.p + r->sent, r->out.n - r->sent);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n <= 0) {
            r->over = true;
            return;
        }
        r->sent += (size_t)n;
    }
    if (r->sent == r->out.n || r->sent > OUT_HIGH) {
        buf_drop_front(&r->out, r->sent);
        r->sent = 0;
    }
}

/* Until something comes, or can go out. */
static void wait(const struct role *r)
{
    struct schedule_stats s;
    struct pollfd fds[] = {
        {r->r->in, POLLIN, 0},
        {is_heard(r) ? desk_fd(r->desk) : -1, POLLIN, 0},
        {r->sent < r->out.n ? r->r->out : -1, POLLOUT, 0},
    };
    schedule_stats(r->schedule, &s);
    (void)poll(fds, sizeof fds / sizeof *fds, s.n_running || s.n_waiting ? LATE_MS : -1);
}

static bool serve(struct role *r, const struct memplan *plan, struct err *e)
{
    json_t *ready = facts(&r->l);
    json_object_set_new(ready, "memory", memory_of(plan));
    job_put_json(&r->out, JOB_READY, 0, ready);
    json_decref(ready);
    while (!r->over) {
        on_look(r);
        if (r->broken) {
            *e = r->why;
            return false;
        }
        take_prepared(r);
        bool worked = false;
        if (is_heard(r)) {
            worked = schedule_step(r->schedule);
            worked |= embed_step(r);
        }
        if (!buf_ok(&r->out, "what the server has to say", e))
            return false;
        tell_stats(r, !worked);
        speak(r);
        if (!worked && !r->over)
            wait(r);
    }
    speak(r);
    return true;
}

static bool set_nonblocking(int fd, struct err *e)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return fail(e, ERR_IO, "cannot use descriptor %d: %s", fd, strerror(errno));
    return true;
}

static void close_role(struct role *r)
{
    desk_free(r->desk);
    schedule_free(r->schedule);
    for (struct prepared *p = r->embeds, *next; p; p = next) {
        next = p->next;
        prepared_free(p);
    }
    job_reader_clear(&r->reader);
    buf_clear(&r->out);
    loaded_close(&r->l);
}

/* --- the memory it may take ------------------------------------------------------------------ */

static bool write_all(int fd, const char *p, size_t n, struct err *e)
{
    while (n) {
        ssize_t sent = write(fd, p, n);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return fail(e, ERR_IO, "the line to the server is broken: %s", strerror(errno));
        p += sent;
        n -= (size_t)sent;
    }
    return true;
}

/* The next message, waited for. *over: the line has ended, or the engine shall. */
static bool hear(struct role *r, struct job_message *m, struct err *e)
{
    char piece[256]; /* no more is on its way before the engine has said that it is ready */
    bool got = false;
    while (!got) {
        ssize_t n = read(r->r->in, piece, sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        r->over = n <= 0;
        if (r->over)
            return true;
        if (!job_feed(&r->reader, piece, (size_t)n, e) || !job_next(&r->reader, m, &got, e))
            return false;
    }
    r->over = m->kind == JOB_SHUTDOWN;
    return r->over || m->kind == JOB_GRANT ||
           fail(e, ERR_CORRUPT, "the server says something else than how much memory there is");
}

static bool ask_memory(void *arg, uint64_t least, uint64_t most, uint64_t *budget, struct err *e)
{
    struct role *r = arg;
    struct job_message m;
    json_t *plan = json_pack("{sI sI}", "least", (json_int_t)least, "most", (json_int_t)most);
    job_put_json(&r->out, JOB_PLAN, 0, plan);
    json_decref(plan);
    bool said = buf_ok(&r->out, "plan", e) && write_all(r->r->out, r->out.p, r->out.n, e);
    buf_reset(&r->out);
    if (!said || !hear(r, &m, e))
        return false;
    if (r->over)
        return fail(e, ERR_CANCELLED, "the engine is not wanted any more");
    json_t *j = job_json(&m, e);
    json_int_t bytes = json_integer_value(json_object_get(j, "bytes"));
    json_decref(j);
    *budget = bytes > 0 ? (uint64_t)bytes : 0;
    return j && (bytes > 0 || fail(e, ERR_CORRUPT, "the server grants no memory"));
}

/* While the line still waits for its other end. One that is broken is noticed when it is needed. */
static void say_loading(void *arg, uint64_t done, uint64_t total)
{
    struct role *r = arg;
    struct err ignored;
    uint64_t now = os_now_ns();
    if (done < total && now - r->told_ns < LOADING_MS * 1000000ull)
        return;
    r->told_ns = now;
    json_t *j = json_pack("{sI sI}", "done", (json_int_t)done, "total", (json_int_t)total);
    job_put_json(&r->out, JOB_LOADING, 0, j);
    json_decref(j);
    (void)!write_all(r->r->out, r->out.p, r->out.n, &ignored);
    buf_reset(&r->out);
}

bool engine_role_run(const struct engine_role *params, struct memplan *plan, struct err *e)
{
    struct role r = {.r = params};
    struct load_options load = params->load;
    struct packed_params pack;
    load.grammar = load.embed = true;
    if (params->accounts)
        load.grant = (struct load_grant){ask_memory, &r};
    if (params->accounts && load.pack) {
        pack = *load.pack;
        pack.progress = say_loading;
        pack.progress_arg = &r;
        load.pack = &pack;
    }
    if (load.n_parallel == 0) {
        load.n_parallel = ENGINE_PARALLEL;
        load.n_kept = ENGINE_KEPT;
    }
    signal(SIGPIPE, SIG_IGN);
    job_reader_init(&r.reader, true);
    buf_init(&r.out, OUT_MOST);
    if (!loaded_open(&r.l, params->g, params->settings, &load, plan, e)) {
        job_reader_clear(&r.reader);
        buf_clear(&r.out);
        return r.over; /* it was not wanted any more */
    }
    bool ok = set_nonblocking(params->in, e) && set_nonblocking(params->out, e) &&
              (r.schedule = schedule_new(&r.l, params->max_waiting, &events, &r, e)) &&
              (!params->spill.arg || schedule_spill(r.schedule, &params->spill, e)) &&
              (r.desk = desk_new(&r.l, params->settings, e)) &&
              (!params->ready || params->ready(params->ready_arg, e)) && serve(&r, plan, e);
    close_role(&r);
    return ok;
}
