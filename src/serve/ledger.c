/* SPDX-License-Identifier: Apache-2.0 */
/* serve/ledger: see ledger.h. */
#include "serve/ledger.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "serve/packet.h"

#define MINUTE_NS 60e9
#define TOLD      256u /* keys in one packet */

/* --- buckets -------------------------------------------------------------------------------------
 */

static void set_limit(struct ledger_bucket *b, uint32_t limit)
{
    if (b->limit != limit) { /* no more is left than before, in parts of the whole */
        b->left = b->limit && b->left < b->limit ? b->left / b->limit * limit : limit;
        b->now_ns = os_now_ns();
    }
    b->limit = limit;
}

static void fill(struct ledger_bucket *b)
{
    uint64_t now = os_now_ns();
    b->left += (double)(now - b->now_ns) / MINUTE_NS * b->limit;
    if (b->left > b->limit)
        b->left = b->limit;
    b->now_ns = now;
}

static double seconds_until(const struct ledger_bucket *b, double left)
{
    return b->left >= left ? 0 : (left - b->left) * 60 / b->limit;
}

static void take(struct ledger_bucket *b, uint64_t n)
{
    if (b->limit)
        b->left -= (double)n;
}

/* --- the list ------------------------------------------------------------------------------------
 */

struct ledger_key *ledger_find(const struct ledger *l, const char *id)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (l->v[i]->there && strcmp(l->v[i]->total.id, id) == 0)
            return l->v[i];
    return NULL;
}

static struct ledger_key *add(struct ledger *l, const char *id, const struct key_usages *used,
                              struct err *e)
{
    const struct key_usage *before = key_usages_find(used, id);
    if (!mem_grow(&l->v, l->n, &l->cap, sizeof *l->v, e))
        return NULL;
    struct ledger_key *k = mem_new(1, sizeof *k, e);
    if (!k)
        return NULL;
    l->v[l->n++] = k;
    k->there = true;
    if (before)
        k->total = *before;
    memcpy(k->total.id, id, KEY_ID + 1);
    memcpy(k->fresh.id, id, KEY_ID + 1);
    return k;
}

/* Those that are gone and have nothing under way. */
static void sweep(struct ledger *l)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < l->n; i++)
        if (l->v[i]->there || l->v[i]->live)
            l->v[n++] = l->v[i];
        else
            mem_free(l->v[i]);
    l->n = n;
}

bool ledger_keys(struct ledger *l, const struct keys *keys, const struct key_usages *used,
                 struct err *e)
{
    uint32_t before = l->n;
    for (uint32_t i = 0; i < keys->n; i++) {
        const struct key_terms *t = &keys->v[i].terms;
        struct ledger_key *k = ledger_find(l, keys->v[i].id);
        if (!k && !(k = add(l, keys->v[i].id, used, e)))
            return false;
        k->concurrent = t->concurrent;
        set_limit(&k->requests, t->requests);
        set_limit(&k->tokens, t->tokens);
    }
    for (uint32_t i = 0; i < before; i++)
        l->v[i]->there = l->v[i]->there && keys_by_id(keys, l->v[i]->total.id);
    sweep(l);
    return true;
}

/* --- requests ------------------------------------------------------------------------------------
 */

static void note(struct ledger_key *k, uint64_t requests, uint64_t refused)
{
    k->total.last_use = k->fresh.last_use = time(NULL);
    k->total.requests += requests;
    k->fresh.requests += requests;
    k->total.refused += refused;
    k->fresh.refused += refused;
}

void ledger_refused(struct ledger_key *k)
{
    note(k, 0, 1);
}

static bool too_much(struct ledger_key *k, struct problem *p, double wait_s)
{
    p->retry_s = wait_s < 3600 ? (uint32_t)wait_s + 1 : 3600;
    p->code = "rate_limit_exceeded";
    ledger_refused(k);
    return false;
}

bool ledger_enter(struct ledger_key *k, struct problem *p)
{
    fill(&k->requests);
    fill(&k->tokens);
    if (k->concurrent && k->live >= k->concurrent) {
        fail(&p->err, ERR_BUSY,
             "this key has %u requests under way, as many as it may; wait for one to end", k->live);
        return too_much(k, p, 0);
    }
    if (k->requests.limit && k->requests.left < 1) {
        fail(&p->err, ERR_BUSY, "this key may send %u requests a minute; wait before the next one",
             k->requests.limit);
        return too_much(k, p, seconds_until(&k->requests, 1));
    }
    if (k->tokens.limit && k->tokens.left < 1) {
        fail(&p->err, ERR_BUSY,
             "this key may use %u tokens a minute, of prompts and answers; wait before the next "
             "request",
             k->tokens.limit);
        return too_much(k, p, seconds_until(&k->tokens, 1));
    }
    take(&k->requests, 1);
    k->live++;
    note(k, 1, 0);
    return true;
}

void ledger_leave(struct ledger_key *k, uint64_t n_prompt, uint64_t n_generated)
{
    fill(&k->tokens);
    take(&k->tokens, n_prompt + n_generated);
    k->live--;
    k->total.prompt_tokens += n_prompt;
    k->fresh.prompt_tokens += n_prompt;
    k->total.completion_tokens += n_generated;
    k->fresh.completion_tokens += n_generated;
    note(k, 0, 0);
}

/* --- headers -------------------------------------------------------------------------------------
 */

static void openai_lines(const struct ledger_bucket *b, const char *what, struct buf *out)
{
    unsigned long left = b->left > 0 ? (unsigned long)b->left : 0;
    buf_fmt(out, "x-ratelimit-limit-%s: %u\r\n", what, b->limit);
    buf_fmt(out, "x-ratelimit-remaining-%s: %lu\r\n", what, left);
    buf_fmt(out, "x-ratelimit-reset-%s: %.3fs\r\n", what, seconds_until(b, b->limit));
}

static void anthropic_lines(const struct ledger_bucket *b, const char *what, struct buf *out)
{
    unsigned long left = b->left > 0 ? (unsigned long)b->left : 0;
    time_t at = time(NULL) + (time_t)seconds_until(b, b->limit) + 1;
    struct tm t = {0};
    char when[32] = "";
    gmtime_r(&at, &t);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &t);
    buf_fmt(out, "anthropic-ratelimit-%s-limit: %u\r\n", what, b->limit);
    buf_fmt(out, "anthropic-ratelimit-%s-remaining: %lu\r\n", what, left);
    buf_fmt(out, "anthropic-ratelimit-%s-reset: %s\r\n", what, when);
}

static void lines(struct ledger_bucket *b, enum dialect d, const char *what, struct buf *out)
{
    if (!b->limit)
        return;
    fill(b);
    if (d == DIALECT_ANTHROPIC)
        anthropic_lines(b, what, out);
    else
        openai_lines(b, what, out);
}

void ledger_headers(struct ledger_key *k, enum dialect d, struct buf *out)
{
    lines(&k->requests, d, "requests", out);
    lines(&k->tokens, d, "tokens", out);
}

/* --- to the supervisor ---------------------------------------------------------------------------
 */

static void forget(struct key_usage *u)
{
    char id[KEY_ID + 1];
    memcpy(id, u->id, sizeof id);
    *u = (struct key_usage){0};
    memcpy(u->id, id, sizeof id);
}

/* Up to TOLD keys from the i-th on; false: nothing, or the line is full: another time. */
static bool tell_some(struct ledger *l, uint32_t *i)
{
    struct key_usages some = {0};
    struct err e;
    uint32_t first = *i;
    for (; *i < l->n && some.n < TOLD; ++*i) {
        struct key_usage *row =
            l->v[*i]->fresh.last_use ? key_usages_row(&some, l->v[*i]->fresh.id) : NULL;
        if (row)
            *row = l->v[*i]->fresh;
    }
    json_t *j = some.n ? key_usages_json(&some) : NULL;
    bool told = j && packet_send(l->line, j, -1, false, &e);
    for (uint32_t at = first; told && at < *i; at++)
        forget(&l->v[at]->fresh);
    json_decref(j);
    key_usages_clear(&some);
    return told || *i < l->n;
}

static void tell(struct ledger *l)
{
    for (uint32_t i = 0; l->line >= 0 && i < l->n;)
        if (!tell_some(l, &i))
            return;
}

static void on_timer(uv_timer_t *timer)
{
    tell(timer->data);
}

void ledger_init(struct ledger *l, uv_loop_t *loop, int line)
{
    l->line = line;
    uv_timer_init(loop, &l->timer);
    l->timer.data = l;
    uv_timer_start(&l->timer, on_timer, LEDGER_TELL_MS, LEDGER_TELL_MS);
    uv_unref((uv_handle_t *)&l->timer);
}

void ledger_close(struct ledger *l)
{
    tell(l);
    if (l->line >= 0)
        close(l->line);
    l->line = -1;
}

void ledger_clear(struct ledger *l)
{
    for (uint32_t i = 0; i < l->n; i++)
        mem_free(l->v[i]);
    mem_free(l->v);
    l->v = NULL;
    l->n = 0;
}
