/* SPDX-License-Identifier: Apache-2.0 */
/* run/job: see job.h. */
#include "run/job.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"

/* --- numbers --------------------------------------------------------------------------------- */

static void put_number(unsigned char *p, uint64_t v, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++)
        p[i] = (unsigned char)(v >> 8 * i);
}

static uint64_t number_at(const void *from, uint32_t bytes)
{
    const unsigned char *p = from;
    uint64_t v = 0;
    for (uint32_t i = 0; i < bytes; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

static bool is_to_engine(uint64_t kind)
{
    return kind >= JOB_SUBMIT && kind <= JOB_SHUTDOWN;
}

static bool is_from_engine(uint64_t kind)
{
    return kind == JOB_STATS || (kind >= JOB_READY && kind < JOB_KINDS);
}

static uint32_t most_bytes(uint64_t kind)
{
    return kind == JOB_SUBMIT || kind == JOB_RESULT ? JOB_MOST : JOB_MOST_FEW;
}

/* --- writing --------------------------------------------------------------------------------- */

/* The payload follows; what is beyond the kind's limit counts as a failure of the buffer. */
static void put_head(struct buf *out, enum job_kind kind, uint64_t id, uint64_t n)
{
    unsigned char head[JOB_HEAD] = {0};
    if (n > most_bytes(kind)) {
        out->bad = true;
        return;
    }
    put_number(head, n, 4);
    put_number(head + 4, kind, 2);
    put_number(head + 8, id, 8);
    buf_add(out, head, sizeof head);
}

/* All of a message or nothing of it: half of one would spoil those behind. */
static void keep_whole(struct buf *out, size_t before)
{
    if (out->bad && out->p)
        out->p[out->n = before] = '\0';
}

void job_put(struct buf *out, enum job_kind kind, uint64_t id, struct str payload)
{
    size_t before = out->n;
    put_head(out, kind, id, payload.n);
    buf_str(out, payload);
    keep_whole(out, before);
}

void job_put_json(struct buf *out, enum job_kind kind, uint64_t id, const json_t *j)
{
    struct buf text;
    buf_init(&text, most_bytes(kind));
    bool ok = j && json_write(j, JSON_COMPACT | JSON_REAL_PRECISION(9), &text, NULL);
    if (ok)
        job_put(out, kind, id, buf_view(&text));
    else
        out->bad = true;
    buf_clear(&text);
}

void job_put_started(struct buf *out, uint64_t id, uint32_t n_prompt, uint32_t n_reused)
{
    unsigned char p[8];
    put_number(p, n_prompt, 4);
    put_number(p + 4, n_reused, 4);
    job_put(out, JOB_STARTED, id, (struct str){(const char *)p, sizeof p});
}

/* part u32, n_ids u32, bytes of the text u32, 0 u32, ids u32 each, text, logprobs */
void job_put_text(struct buf *out, uint64_t id, enum job_part part, struct str text,
                  const uint32_t *ids, uint32_t n_ids, struct str logprobs)
{
    unsigned char head[JOB_TEXT_HEAD] = {0};
    size_t before = out->n;
    put_number(head, part, 4);
    put_number(head + 4, n_ids, 4);
    put_number(head + 8, text.n, 4);
    put_head(out, JOB_TEXT, id, sizeof head + 4 * (uint64_t)n_ids + text.n + logprobs.n);
    buf_add(out, head, sizeof head);
    for (uint32_t i = 0; i < n_ids; i++) {
        unsigned char number[4];
        put_number(number, ids[i], 4);
        buf_add(out, number, sizeof number);
    }
    buf_str(out, text);
    buf_str(out, logprobs);
    keep_whole(out, before);
}

void job_put_done(struct buf *out, uint64_t id, const struct job_done *d)
{
    json_t *j =
        json_pack("{ss ss sI sI sI sI sI sf sf sf sf sI sI ss}", "finish", d->finish, "stop",
                  d->stop, "n_prompt", (json_int_t)d->n_prompt, "n_reused", (json_int_t)d->n_reused,
                  "n_generated", (json_int_t)d->n_generated, "n_guessed", (json_int_t)d->n_guessed,
                  "n_right", (json_int_t)d->n_right, "queue_s", d->queue_s, "prompt_s", d->prompt_s,
                  "first_token_s", d->first_token_s, "decode_s", d->decode_s, "seed",
                  (json_int_t)d->seed, "n_same", (json_int_t)d->n_same, "differs", d->differs);
    job_put_json(out, JOB_DONE, id, j);
    json_decref(j);
}

void job_put_error(struct buf *out, uint64_t id, const struct job_error *p)
{
    json_t *j = json_pack("{ss ss ss sI sI sI}", "code", err_name(p->err.code), "message",
                          p->err.msg, "field", p->field, "retry_s", (json_int_t)p->retry_s,
                          "n_prompt", (json_int_t)p->n_prompt, "n_ctx", (json_int_t)p->n_ctx);
    job_put_json(out, JOB_ERROR, id, j);
    json_decref(j);
}

/* --- the reader ------------------------------------------------------------------------------ */

void job_reader_init(struct job_reader *r, bool to_engine)
{
    *r = (struct job_reader){.to_engine = to_engine};
    buf_init(&r->in, (size_t)JOB_MOST * 2);
}

void job_reader_clear(struct job_reader *r)
{
    buf_clear(&r->in);
}

bool job_feed(struct job_reader *r, const void *p, size_t n, struct err *e)
{
    if (r->at) /* not for each piece of a long message: that would move it as often */
        buf_drop_front(&r->in, r->at);
    r->at = 0;
    buf_add(&r->in, p, n);
    return buf_ok(&r->in, "message", e);
}

bool job_next(struct job_reader *r, struct job_message *m, bool *got, struct err *e)
{
    struct str left = str_from(buf_view(&r->in), r->at);
    *got = false;
    if (left.n < JOB_HEAD)
        return true;
    uint64_t n = number_at(left.p, 4), kind = number_at(left.p + 4, 2);
    if (!(r->to_engine ? is_to_engine(kind) : is_from_engine(kind)) || number_at(left.p + 6, 2))
        return fail(e, ERR_CORRUPT, "no message of the line between the processes of the server");
    if (n > most_bytes(kind))
        return fail(e, ERR_CORRUPT,
                    "a message on the line between the processes of the server has %llu bytes; %u "
                    "are the most",
                    (unsigned long long)n, most_bytes(kind));
    if (left.n - JOB_HEAD < n)
        return true;
    *m = (struct job_message){.kind = (enum job_kind)kind,
                              .id = number_at(left.p + 8, 8),
                              .payload = str_sub(left, JOB_HEAD, n)};
    r->at += JOB_HEAD + n;
    *got = true;
    return true;
}

/* --- payloads -------------------------------------------------------------------------------- */

static bool spoilt(struct err *e)
{
    return fail(e, ERR_CORRUPT,
                "a message on the line between the processes of the server is spoilt");
}

json_t *job_json(const struct job_message *m, struct err *e)
{
    json_t *j = json_parse(m->payload, "message", e);
    if (j && !json_is_object(j)) {
        json_decref(j);
        j = NULL;
        spoilt(e);
    }
    return j;
}

bool job_started(const struct job_message *m, uint32_t *n_prompt, uint32_t *n_reused, struct err *e)
{
    if (m->payload.n != 8)
        return spoilt(e);
    *n_prompt = (uint32_t)number_at(m->payload.p, 4);
    *n_reused = (uint32_t)number_at(m->payload.p + 4, 4);
    return true;
}

bool job_text(const struct job_message *m, struct job_text *t, struct err *e)
{
    struct str p = m->payload;
    if (p.n < JOB_TEXT_HEAD)
        return spoilt(e);
    uint64_t part = number_at(p.p, 4), n_ids = number_at(p.p + 4, 4), n = number_at(p.p + 8, 4);
    uint64_t need = JOB_TEXT_HEAD + 4 * n_ids + n;
    if (part >= JOB_PARTS || number_at(p.p + 12, 4) || p.n < need)
        return spoilt(e);
    *t = (struct job_text){.part = (enum job_part)part,
                           .ids = (const unsigned char *)p.p + JOB_TEXT_HEAD,
                           .n_ids = (uint32_t)n_ids,
                           .text = str_sub(p, JOB_TEXT_HEAD + 4 * n_ids, n),
                           .logprobs = str_from(p, need)};
    return str_utf8_valid(t->text) || spoilt(e);
}

uint32_t job_text_id(const struct job_text *t, uint32_t i)
{
    return (uint32_t)number_at(t->ids + 4 * (size_t)i, 4);
}

/* A text that is too long is cut between characters. */
static void copy_text(const json_t *j, const char *key, char *out, size_t size)
{
    struct str s = str_of(json_string_value(json_object_get(j, key)));
    size_t n = s.n < size ? s.n : str_utf8_floor(s.p, size - 1);
    memcpy(out, s.p, n);
    out[n] = '\0';
}

static uint32_t count_of(const json_t *j, const char *key)
{
    json_int_t v = json_integer_value(json_object_get(j, key));
    return v < 0 ? 0 : v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

static double seconds_of(const json_t *j, const char *key)
{
    double v = json_number_value(json_object_get(j, key));
    return v > 0 ? v : 0;
}

bool job_done(const struct job_message *m, struct job_done *d, struct err *e)
{
    json_t *j = job_json(m, e);
    if (!j)
        return false;
    *d = (struct job_done){.n_prompt = count_of(j, "n_prompt"),
                           .n_reused = count_of(j, "n_reused"),
                           .n_generated = count_of(j, "n_generated"),
                           .n_guessed = count_of(j, "n_guessed"),
                           .n_right = count_of(j, "n_right"),
                           .n_same = count_of(j, "n_same"),
                           .queue_s = seconds_of(j, "queue_s"),
                           .prompt_s = seconds_of(j, "prompt_s"),
                           .first_token_s = seconds_of(j, "first_token_s"),
                           .decode_s = seconds_of(j, "decode_s"),
                           .seed = (uint64_t)json_integer_value(json_object_get(j, "seed"))};
    copy_text(j, "finish", d->finish, sizeof d->finish);
    copy_text(j, "stop", d->stop, sizeof d->stop);
    copy_text(j, "differs", d->differs, sizeof d->differs);
    json_decref(j);
    return d->finish[0] || spoilt(e);
}

bool job_error(const struct job_message *m, struct job_error *p, struct err *e)
{
    json_t *j = job_json(m, e);
    if (!j)
        return false;
    const char *code = json_string_value(json_object_get(j, "code"));
    *p = (struct job_error){.retry_s = count_of(j, "retry_s"),
                            .n_prompt = count_of(j, "n_prompt"),
                            .n_ctx = count_of(j, "n_ctx")};
    p->err.code = ERR_INTERNAL;
    for (int i = ERR_USAGE; code && i <= ERR_INTERNAL; i++)
        if (strcmp(code, err_name((enum err_code)i)) == 0)
            p->err.code = (enum err_code)i;
    copy_text(j, "message", p->err.msg, sizeof p->err.msg);
    copy_text(j, "field", p->field, sizeof p->field);
    str_make_printable(p->err.msg);
    json_decref(j);
    return code || spoilt(e);
}
