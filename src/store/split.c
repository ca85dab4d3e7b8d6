/* SPDX-License-Identifier: Apache-2.0 */
/* store/split: see split.h. */
#include "store/split.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "gguf/gguf_write.h"

enum { DIGITS = 5, ENDING = 20 /* "-00001-of-00003.gguf" */ };

/* --- names -----------------------------------------------------------------------------------
 */

static bool read_digits(const char *p, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < DIGITS; i++) {
        if (p[i] < '0' || p[i] > '9')
            return false;
        *out = *out * 10 + (uint32_t)(p[i] - '0');
    }
    return true;
}

bool split_find(struct split *s, const char *text)
{
    size_t n = strlen(text);
    for (size_t at = n; at-- > 0;) {
        if (n - at < ENDING || strncmp(text + at + 1 + DIGITS, "-of-", 4) != 0 ||
            strncmp(text + at + ENDING - 5, ".gguf", 5) != 0 || text[at] != '-')
            continue;
        if (!read_digits(text + at + 1, &s->no) || !read_digits(text + at + 5 + DIGITS, &s->count))
            continue;
        s->at = at;
        return s->no >= 1 && s->no <= s->count && s->count > 1 && s->count <= LIMIT_GGUF_SPLITS;
    }
    return false;
}

bool split_text(const struct split *s, const char *text, uint32_t no, char *out, size_t cap,
                struct err *e)
{
    int n = snprintf(out, cap, "%.*s-%05u%s", (int)s->at, text, no, text + s->at + 1 + DIGITS);
    return (n > 0 && (size_t)n < cap) || fail(e, ERR_LIMIT, "the address is too long");
}

bool split_open(struct split_model *m, const struct split *s, const char *text, struct err *e)
{
    char first[LIMIT_URL_BYTES];
    struct digest d;
    *m = (struct split_model){.count = s->count};
    if (!split_text(s, text, 1, first, sizeof first, e) || !digest_of(&d, str_of(first), e) ||
        !store_open(&m->store, true, e))
        return false;
    snprintf(m->key, sizeof m->key, "%.*s", SPLIT_KEY, d.hex);
    return true;
}

const char *split_path(const struct split_model *m, uint32_t no, char out[STORE_PATH])
{
    return store_path(&m->store, out, "partial/split-%s-%05u.data", m->key, no);
}

/* --- one file of them --------------------------------------------------------------------------
 */

static const char *link_path(const struct split_model *m, uint32_t no, char out[STORE_PATH])
{
    return store_path(&m->store, out, "partial/join-%s/part-%05u-of-%05u.gguf", m->key, no,
                      m->count);
}

/* The reader finds the parts of a model by their names. */
static bool link_all(const struct split_model *m, struct err *e)
{
    char from[STORE_PATH], to[STORE_PATH];
    if (!os_mkdirs(store_path(&m->store, to, "partial/join-%s", m->key), e))
        return false;
    for (uint32_t no = 1; no <= m->count; no++) {
        unlink(link_path(m, no, to)); /* of one that was killed */
        if (link(split_path(m, no, from), to) != 0)
            return fail(e, ERR_IO, "cannot write %s: %s", to, strerror(errno));
    }
    return true;
}

static void unlink_all(const struct split_model *m)
{
    char path[STORE_PATH];
    for (uint32_t no = 1; no <= m->count; no++)
        unlink(link_path(m, no, path));
    unlink(store_path(&m->store, path, "partial/join-%s/joined.gguf", m->key));
    rmdir(store_path(&m->store, path, "partial/join-%s", m->key));
}

static bool is_of_split(const struct gguf_kv *kv)
{
    return str_starts(kv->key, STR("split.")) || str_is(kv->key, "general.alignment");
}

static bool write_one(const struct gguf *g, const char *path, struct err *e)
{
    struct gguf_writer w;
    char name[LIMIT_GGUF_TENSOR_NAME + 1];
    gguf_write_init(&w, g->alignment);
    for (uint64_t i = 0; i < g->n_kv; i++)
        if (!is_of_split(&g->kv[i]))
            gguf_write_kv(&w, &g->kv[i]);
    for (uint64_t i = 0; i < g->n_tensors; i++) {
        const struct gguf_tensor *t = &g->tensors[i];
        snprintf(name, sizeof name, "%.*s", (int)t->name.n, t->name.p);
        gguf_write_tensor(&w, name, t->type, t->n_dim, t->ne, t->data);
    }
    bool ok = gguf_write_file(&w, path, e);
    gguf_write_clear(&w);
    return ok;
}

struct joined {
    const struct split_model *m;
    char path[STORE_PATH];
    int fd;
};

static bool place(void *arg, const struct digest *d, struct err *e)
{
    const struct joined *j = arg;
    char to[STORE_PATH];
    return os_place(j->fd, j->path, store_path(&j->m->store, to, "blobs/sha256-%s", d->hex), 0444,
                    e);
}

static bool publish(struct joined *j, const struct pull_request *q, struct pull_result *r,
                    struct err *e)
{
    struct os_file_id id;
    char source[LIMIT_URL_BYTES];
    struct publication p = {.store = &j->m->store, .place = place, .arg = j};
    snprintf(source, sizeof source, "%s", q->source);
    str_make_printable(source);
    if (!os_file_id(j->fd, &id, e) ||
        !blob_hash(j->fd, q->name.text, &q->watch.checking, &r->digest, e) ||
        !publish_check(j->fd, q->name.text, q->template_digest, r->architecture, e))
        return false;
    r->size = id.bytes;
    p.m = (struct manifest){.name = q->name,
                            .digest = r->digest,
                            .size = r->size,
                            .source = source,
                            .settings = (json_t *)(uintptr_t)q->settings};
    bool ok = publish_model(&p, e); /* nothing of the manifest is ours to free */
    r->replaced = p.replaced;
    return ok;
}

static bool join(const struct split_model *m, const struct pull_request *q, struct pull_result *r,
                 struct err *e)
{
    char first[STORE_PATH];
    struct joined j = {.m = m, .fd = -1};
    store_path(&m->store, j.path, "partial/join-%s/joined.gguf", m->key);
    struct gguf *g = gguf_open(link_path(m, 1, first), e);
    bool ok = g && write_one(g, j.path, e);
    gguf_close(g);
    if (ok && (j.fd = open(j.path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) < 0)
        ok = os_fail_open(j.path, e);
    ok = ok && publish(&j, q, r, e);
    if (j.fd >= 0)
        close(j.fd);
    return ok;
}

bool split_join(const struct split_model *m, const struct pull_request *q, struct pull_result *r,
                struct err *e)
{
    char path[STORE_PATH];
    bool ok = link_all(m, e) && join(m, q, r, e);
    unlink_all(m);
    bool useless = ok || (e && e->code == ERR_CORRUPT); /* they do not fit: not to be used again */
    for (uint32_t no = 1; useless && no <= m->count; no++)
        unlink(split_path(m, no, path));
    return ok;
}
