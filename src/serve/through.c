/* SPDX-License-Identifier: Apache-2.0 */
/* serve/through: see through.h. */
#include "serve/through.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "serve/quota.h"
#include "serve/upstream_job.h"
#include "store/pull.h"
#include "store/upstream.h"

/* --- its name ------------------------------------------------------------------------------------
 */

/* What a part of a name may hold, of a text; "model" where nothing of it may. */
static void plain_part(struct str text, size_t most, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n && n < most; i++) {
        char c = text.p[i];
        bool alnum = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (alnum || n)
            out[n++] = alnum || c == '.' || c == '_' ? c : '-';
    }
    snprintf(out + n, 8, "%s", n ? "" : "model");
}

static struct str last_part(const char *text)
{
    const char *slash = strrchr(text, '/');
    return str_of(slash ? slash + 1 : text);
}

/* "REPO:FILE-1a2b3c4d": for people, and unlike that of any other source. */
static bool make_name(struct through_job *q, const struct listing *l, const struct listing_file *f,
                      struct err *e)
{
    char repo[80], file[80], text[2 * NAME_PART + 32];
    struct hash h;
    struct str about = str_of(q->about);
    struct str of = last_part(l->kind == LISTING_HF ? f->path : l->revision);
    if (str_ends(of, STR(".gguf")))
        of.n -= 5;
    plain_part(last_part(l->repository), 60, repo);
    plain_part(of, 60, file);
    if (!hash_of(&about, 1, &h, e))
        return false;
    snprintf(text, sizeof text, "%s:%s-%02x%02x%02x%02x", repo, file, h.b[0], h.b[1], h.b[2],
             h.b[3]);
    return name_parse(&q->name, str_of(text), e);
}

bool through_plan(struct through_job *q, const struct listing *l, const struct listing_file *f,
                  struct err *e)
{
    bool usual = strcmp(l->revision, "main") == 0;
    int n = l->kind == LISTING_HF
                ? snprintf(q->about, sizeof q->about, "hf:%s/%s%s%s", l->repository, f->path,
                           usual ? "" : "@", usual ? "" : l->revision)
                : snprintf(q->about, sizeof q->about, "ollama:%s/%s:%s",
                           q->config->upstream_registry, l->repository, l->revision);
    q->digest = f->digest;
    q->size = f->size;
    return ((n > 0 && (size_t)n < sizeof q->about) || fail(e, ERR_LIMIT, "the name is too long")) &&
           listing_source(l, f, q->config, q->source, sizeof q->source, e) && make_name(q, l, f, e);
}

/* --- the errand ----------------------------------------------------------------------------------
 */

struct telling {
    int out;
    struct pull_request q;
    struct upstream u;
};

static bool on_event(void *arg, const struct event *v)
{
    const struct telling *t = arg;
    if (v->kind == EVENT_PROGRESS)
        errand_tell(t->out, json_pack("{sI sI sI}", "done", (json_int_t)v->done, "total",
                                      (json_int_t)v->total, "received", (json_int_t)v->received));
    return true;
}

static bool on_waiting(void *arg)
{
    (void)arg;
    return true;
}

static bool pull(struct telling *t, const struct through_job *q, struct err *e)
{
    struct pull_result r;
    upstream_job(&t->q.job, q->config);
    t->q.name = q->name;
    t->q.expected = &q->digest;
    t->q.source = q->about;
    t->q.renew = q->source;
    t->q.through = true;
    t->q.watch = (struct pull_watch){.event = on_event, .waiting = on_waiting, .arg = t};
    if (!upstream_resolve_known(&t->u, q->source, &q->digest, &t->q.job, NULL, e))
        return false;
    if (t->u.has_digest && strcmp(t->u.digest.hex, q->digest.hex) != 0)
        return fail(e, ERR_CORRUPT, "%s: its SHA-256 is %s, not %s", q->about, t->u.digest.hex,
                    q->digest.hex);
    t->q.job.url[t->q.job.n_url++] = t->u.url;
    if (!pull_model(&t->q, &r, e))
        return false;
    errand_tell(t->out, json_pack("{sI}", "received", (json_int_t)r.received));
    return true;
}

bool through_pull(void *arg, int out, struct err *e)
{
    const struct through_job *q = arg;
    uint64_t freed = 0, quota = q->config->quota;
    if (quota && q->size > quota)
        return fail(e, ERR_LIMIT, "%s is larger than the mirror's quota", q->about);
    if (quota && !quota_make_room(q->store, quota, q->size + q->others, &freed, e))
        return false;
    struct telling *t = mem_new(1, sizeof *t, e);
    if (!t)
        return false;
    t->out = out;
    if (freed)
        errand_tell(out, json_pack("{sI}", "freed", (json_int_t)freed));
    bool ok = pull(t, q, e);
    mem_free(t);
    return ok;
}
