/* SPDX-License-Identifier: Apache-2.0 */
/* run/schedule_spill: see run/spill.h. The index is in memory: tenants, adapters, tokens, and where
 * in the file what was computed of them lies.
 *
 * (S1) an entry whose n is 0 is free
 * (S2) `whole`: all of the record is written; only such a one is read or counts as saved
 * (S3) the slot that is being written is not changed meanwhile, or its entry is given up */
#include <string.h>

#include "base/mem.h"
#include "base/os.h"
#include "run/schedule_private.h"

#define LEAST_TOKENS  128u /* a shorter sequence is computed about as fast */
#define LEAST_GAIN    128u /* tokens that are there besides those in memory, to be worth reading */
#define PART_BYTES    (512u << 10)
#define EMPTY_PLACES  2u /* for sequences: where there are no more, some may have to go soon */
#define WRITE_NS      5000000u /* after a step of the scheduler, or a tenth of what it has taken */
#define WRITE_MOST_NS 50000000u
#define READ_NS       10000000u /* likewise, where there is other work */
#define READ_ALONE_NS 50000000u

enum { ENTRIES = 256 };

struct spilled {
    char tenant[PREPARED_TENANT];
    float adapters[LIMIT_ADAPTERS];
    uint32_t *token; /* [n], owned */
    uint32_t n;
    struct kv_saved head;
    uint64_t at, bytes; /* in the file */
    uint64_t used_ns;
    bool whole;
};

struct spill {
    struct spill_file file;
    struct spilled v[ENTRIES];
    struct slot *from; /* that is being written; NULL: none is */
    struct spilled *out;
    struct kv_moving writing;
    uint64_t from_used_ns;
    struct slot *to; /* that is being read into; NULL: none is */
    struct spilled *in;
    struct kv_moving reading;
    uint64_t stepped_ns; /* the last time */
    struct spill_stats sums;
};

bool schedule_spill(struct schedule *s, const struct spill_file *file, struct err *e)
{
    s->spill = mem_new(1, sizeof *s->spill, e);
    if (s->spill)
        s->spill->file = *file;
    return s->spill != NULL;
}

static void drop(struct spill *k, struct spilled *v)
{
    mem_free(v->token);
    k->sums.n -= v->whole;
    k->sums.bytes -= v->bytes;
    *v = (struct spilled){0};
}

void spill_free(struct spill *k)
{
    for (int i = 0; k && i < ENTRIES; i++)
        mem_free(k->v[i].token);
    mem_free(k);
}

void spill_stats(const struct spill *k, struct spill_stats *out)
{
    *out = k ? k->sums : (struct spill_stats){0};
}

static uint64_t record_bytes(const struct spill *k, const struct schedule *s, uint32_t seq)
{
    return k->file.bytes(kv_saved_bytes(s->l->f->kv, seq) - sizeof(struct kv_saved));
}

static uint32_t same_tokens(const struct spilled *v, const uint32_t *token, uint32_t n)
{
    uint32_t same = 0;
    while (same < n && same < v->n && v->token[same] == token[same])
        same++;
    return same;
}

/* --- room in the file ----------------------------------------------------------------------------
 */

static bool is_free(const struct spill *k, uint64_t at, uint64_t bytes)
{
    for (int i = 0; i < ENTRIES; i++)
        if (k->v[i].n && at < k->v[i].at + k->v[i].bytes && k->v[i].at < at + bytes)
            return false;
    return at + bytes <= k->file.most;
}

/* At the beginning of the file, or behind another record. */
static bool find_room(const struct spill *k, uint64_t bytes, uint64_t *at)
{
    *at = 0;
    if (is_free(k, 0, bytes))
        return true;
    for (int i = 0; i < ENTRIES; i++) {
        *at = k->v[i].at + k->v[i].bytes;
        if (k->v[i].n && is_free(k, *at, bytes))
            return true;
    }
    return false;
}

static struct spilled *free_entry(struct spill *k)
{
    for (int i = 0; i < ENTRIES; i++)
        if (!k->v[i].n)
            return &k->v[i];
    return NULL;
}

/* What was not used for longest goes, but for what is being read. */
static bool drop_oldest(struct spill *k)
{
    struct spilled *found = NULL;
    for (int i = 0; i < ENTRIES; i++) {
        struct spilled *v = &k->v[i];
        if (v->n && v != k->in && v != k->out && (!found || v->used_ns < found->used_ns))
            found = v;
    }
    if (found)
        drop(k, found);
    return found != NULL;
}

/* An entry with room for so many bytes; NULL: more than the file may hold. */
static struct spilled *make_entry(struct spill *k, uint64_t bytes)
{
    struct spilled *v;
    uint64_t at = 0;
    while (!(v = free_entry(k)) || !find_room(k, bytes, &at))
        if (!drop_oldest(k))
            return NULL;
    v->at = at;
    v->bytes = bytes;
    return v;
}

/* --- writing -------------------------------------------------------------------------------------
 */

/* Will a sequence have to go for the next job, or soon? */
static bool is_tight(const struct schedule *s)
{
    const struct kv *kv = s->l->f->kv;
    uint32_t empty = 0;
    for (uint32_t i = 0; i < s->n_slots; i++)
        empty += s->slots[i].state == SLOT_IDLE && s->slots[i].t.n == 0;
    return empty <= EMPTY_PLACES || kv_blocks_free(kv) < kv_blocks(kv) / 4;
}

/* Was it computed for this tenant, and by these adapters? */
static bool is_of(const struct spilled *v, const char *tenant, const float *adapters)
{
    return strcmp(v->tenant, tenant) == 0 && memcmp(v->adapters, adapters, sizeof v->adapters) == 0;
}

/* Is all of it on disk already? Then that has been used now. */
static bool is_saved(struct spill *k, const struct slot *slot)
{
    for (int i = 0; i < ENTRIES; i++) {
        struct spilled *v = &k->v[i];
        if (v->whole && is_of(v, slot->tenant, slot->adapters) &&
            same_tokens(v, slot->t.token, slot->t.n) == slot->t.n) {
            v->used_ns = slot->used_ns;
            return true;
        }
    }
    return false;
}

/* The next to go of those that are not on disk yet. */
static struct slot *next_to_write(struct schedule *s)
{
    struct slot *found = NULL;
    for (uint32_t i = 0; i < s->n_slots; i++) {
        struct slot *slot = &s->slots[i];
        if (slot->state == SLOT_IDLE && slot->t.n >= LEAST_TOKENS && !slot->spilled &&
            (!found || slot->used_ns < found->used_ns))
            found = slot;
    }
    return found;
}

static void give_up_writing(struct spill *k)
{
    if (k->out)
        drop(k, k->out);
    k->out = NULL;
    k->from = NULL;
}

static bool begin_writing(struct schedule *s, struct slot *slot, struct err *e)
{
    struct spill *k = s->spill;
    uint64_t bytes = record_bytes(k, s, slot->t.seq);
    struct spilled *v = make_entry(k, bytes);
    if (!v || !(v->token = mem_new(slot->t.n, sizeof *v->token, e))) {
        if (v)
            *v = (struct spilled){0};
        return false;
    }
    memcpy(v->token, slot->t.token, slot->t.n * sizeof *v->token);
    memcpy(v->tenant, slot->tenant, sizeof v->tenant);
    memcpy(v->adapters, slot->adapters, sizeof v->adapters);
    v->n = slot->t.n;
    v->used_ns = slot->used_ns;
    k->sums.bytes += v->bytes;
    k->out = v;
    k->from = slot;
    k->from_used_ns = slot->used_ns;
    kv_save_begin(s->l->f->kv, slot->t.seq, &k->writing);
    v->head = k->writing.s;
    uint64_t n = kv_saved_bytes(s->l->f->kv, slot->t.seq) - sizeof v->head;
    return k->file.write_begin(k->file.arg, v->at, n, str_of(v->tenant), e);
}

/* (S3) */
static bool is_as_it_was(const struct spill *k)
{
    return k->from->state == SLOT_IDLE && k->from->t.n == k->out->n &&
           k->from->used_ns == k->from_used_ns;
}

/* What the new one begins with, its tenant needs no more. */
static void drop_beginnings(struct spill *k, const struct spilled *of)
{
    for (int i = 0; i < ENTRIES; i++) {
        struct spilled *v = &k->v[i];
        if (v != of && v != k->in && v->whole && v->n <= of->n &&
            is_of(v, of->tenant, of->adapters) && same_tokens(v, of->token, of->n) == v->n)
            drop(k, v);
    }
}

static void end_writing(struct spill *k)
{
    k->out->whole = true;
    k->from->spilled = true;
    k->sums.n++;
    k->sums.n_written++;
    drop_beginnings(k, k->out);
    k->out = NULL;
    k->from = NULL;
}

static bool is_over(uint64_t begin_ns, uint64_t ns)
{
    return os_now_ns() - begin_ns >= ns;
}

static bool write_some(struct schedule *s)
{
    struct spill *k = s->spill;
    struct err e;
    uint64_t t0 = os_now_ns(), most = (t0 - k->stepped_ns) / 10;
    most = most < WRITE_NS ? WRITE_NS : most > WRITE_MOST_NS ? WRITE_MOST_NS : most;
    if (k->from && !is_as_it_was(k))
        give_up_writing(k);
    if (!k->from) {
        struct slot *slot = is_tight(s) ? next_to_write(s) : NULL;
        if (!slot)
            return false;
        slot->spilled = true; /* whatever becomes of it: it is not tried again */
        if (is_saved(k, slot))
            return true;
        if (!begin_writing(s, slot, &e)) {
            k->sums.n_failed += k->out != NULL;
            give_up_writing(k);
            return true;
        }
    }
    while (k->from && !is_over(t0, most)) {
        if (!kv_save_some(s->l->f->kv, &k->writing, PART_BYTES, k->file.write, k->file.arg, &e)) {
            k->sums.n_failed++;
            give_up_writing(k);
        } else if (k->writing.at == k->writing.n) {
            end_writing(k);
        }
    }
    return true;
}

/* --- reading -------------------------------------------------------------------------------------
 */

static uint32_t blocks_of(const struct spilled *v)
{
    return (v->n + KV_BLOCK - 1) / KV_BLOCK;
}

/* All of it is read, also what the prompt has no use for: beside what is promised to others. */
static bool fits(const struct schedule *s, const struct spilled *v)
{
    uint32_t all = kv_blocks(s->l->f->kv);
    return all == 0 || s->n_committed + blocks_of(v) <= all;
}

uint32_t spill_blocks(const struct schedule *s)
{
    return s->spill && s->spill->in ? blocks_of(s->spill->in) : 0;
}

/* Tokens of a record that a prompt can go on from. What has let go of tokens, or has a state, can
 * go on from its end only. */
static uint32_t usable(const struct schedule *s, const struct spilled *v, const struct prepared *p)
{
    uint32_t same = same_tokens(v, p->prompt.id, (uint32_t)p->prompt.n - 1);
    bool anywhere = timeline_can_cut(&s->slots[0].t) && v->head.first[KV_WINDOW] == 0;
    return anywhere || same == v->n ? same : 0;
}

static struct spilled *find(const struct schedule *s, const struct prepared *p, uint32_t there)
{
    struct spill *k = s->spill;
    struct spilled *best = NULL;
    uint32_t most = there + LEAST_GAIN - 1;
    for (int i = 0; k && i < ENTRIES; i++) {
        struct spilled *v = &k->v[i];
        uint32_t n = v->whole && is_of(v, p->tenant, p->adapters) ? usable(s, v, p) : 0;
        if (n > most && fits(s, v)) {
            best = v;
            most = n;
        }
    }
    return best;
}

bool spill_is_busy(const struct schedule *s, const struct prepared *p, uint32_t there)
{
    return s->spill && s->spill->to && find(s, p, there);
}

bool spill_read(struct schedule *s, struct slot *slot, const struct prepared *p, uint32_t there)
{
    struct spill *k = s->spill;
    struct spilled *v = k && !k->to ? find(s, p, there) : NULL;
    struct err e;
    if (!v)
        return false;
    timeline_forget(&slot->t);
    prefix_make_room(s, blocks_of(v), slot);
    uint64_t n = sizeof v->head;
    for (int c = 0; c < KV_CLASSES; c++) {
        uint64_t blocks = blocks_of(v) - v->head.first[c];
        n += v->head.block_bytes[c] * (v->head.block_bytes[c] ? blocks : 0);
    }
    n += v->head.n_state * sizeof(float);
    if (!kv_restore_begin(s->l->f->kv, slot->t.seq, &v->head, n, &k->reading, &e))
        return false;
    v->used_ns = os_now_ns();
    k->to = slot;
    k->in = v;
    slot->restoring = true;
    if (k->file.read_begin(k->file.arg, v->at, n - sizeof v->head, str_of(p->tenant), &e))
        return true;
    k->sums.n_failed++;
    spill_leave(s, slot);
    return false;
}

void spill_leave(struct schedule *s, struct slot *slot)
{
    struct spill *k = s->spill;
    if (!slot->restoring)
        return;
    slot->restoring = false;
    k->to = NULL;
    k->in = NULL;
    timeline_forget(&slot->t);
}

/* All of it is there, or nothing will be: the job goes on. */
static void end_reading(struct schedule *s, bool good)
{
    struct spill *k = s->spill;
    struct slot *slot = k->to;
    struct spilled *v = k->in;
    if (good) {
        timeline_restored(&slot->t, v->token, v->n);
        k->sums.n_read++;
        slot->restoring = false;
        k->to = NULL;
        k->in = NULL;
    } else {
        spill_leave(s, slot);
        k->sums.n_failed++;
        drop(k, v);
    }
    uint32_t n = schedule_begin(s, slot);
    k->sums.read_tokens += good ? n : 0;
}

static bool read_some(struct schedule *s)
{
    struct spill *k = s->spill;
    struct err e;
    uint64_t t0 = os_now_ns();
    uint64_t most = s->n_running > 1 ? READ_NS : READ_ALONE_NS;
    if (!k->to)
        return false;
    while (k->to && !is_over(t0, most)) {
        bool good =
            kv_restore_some(s->l->f->kv, &k->reading, PART_BYTES, k->file.read, k->file.arg, &e);
        if (!good || k->reading.at == k->reading.n)
            end_reading(s, good);
    }
    return true;
}

bool spill_step(struct schedule *s)
{
    if (!s->spill)
        return false;
    bool read = read_some(s), wrote = write_some(s);
    s->spill->stepped_ns = os_now_ns();
    return wrote || read;
}
