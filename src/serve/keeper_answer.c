/* SPDX-License-Identifier: Apache-2.0 */
/* serve/keeper_answer: see keeper_answer.h. */
#include "serve/keeper_answer.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "serve/keeper_docs.h"
#include "serve/log.h"
#include "serve/packet.h"

#define GGUF_TYPE "application/octet-stream"
#define JSON_TYPE "application/json"

struct asked {
    struct keeper *k;
    json_int_t id;
    const struct want *w;
    bool again;
    const char *word; /* of Hugging Face, for an error */
};

/* --- sending -------------------------------------------------------------------------------------
 */

static void send_packet(struct keeper *k, json_t *j, int fd)
{
    struct err e;
    if (!packet_send(k->line, j, fd, true, &e))
        log_event("keeper-line", "%s", e.msg);
    json_decref(j);
}

void keeper_refuse(struct keeper *k, json_int_t id, const struct err *e, const char *word)
{
    send_packet(
        k,
        json_pack("{sI si ss ss*}", "id", id, "code", (int)e->code, "error", e->msg, "word", word),
        -1);
}

/* Takes headers and fd. */
static bool send_file(const struct asked *a, int fd, uint64_t size, const char *type,
                      const char *tag, const struct manifest *m, json_t *headers)
{
    send_packet(a->k,
                json_pack("{sI si sI ss ss ss* so*}", "id", a->id, "status", 200, "size",
                          (json_int_t)size, "type", type, "tag", tag, "model",
                          m ? m->name.text : NULL, "headers", headers),
                fd);
    close(fd);
    return true;
}

/* A text of ours, as a file in memory. */
static bool send_text(const struct asked *a, const struct buf *text, const char *type,
                      json_t *headers, struct err *e)
{
    struct digest d;
    int fd = -1;
    if (!docs_digest(text, &d, e) || (fd = os_memory_file(buf_view(text), e)) < 0) {
        json_decref(headers);
        return false;
    }
    return send_file(a, fd, text->n, type, d.hex, NULL, headers);
}

static bool send_json(const struct asked *a, json_t *j, struct err *e)
{
    struct buf text;
    buf_init(&text, LIMIT_JSON_BYTES);
    bool ok = j ? json_write(j, JSON_COMPACT, &text, e) : fail(e, ERR_LIMIT, "memory is short");
    json_decref(j);
    ok = ok && send_text(a, &text, JSON_TYPE, NULL, e);
    buf_clear(&text);
    return ok;
}

/* --- files ---------------------------------------------------------------------------------------
 */

static bool send_blob(const struct asked *a, const struct manifest *m, json_t *headers,
                      struct err *e)
{
    struct os_file_id id;
    int fd = blob_open(&a->k->shelf.store, &m->digest, e);
    bool ok = fd >= 0 && os_file_id(fd, &id, e);
    if (ok && id.bytes != m->size)
        ok = fail(e, ERR_CORRUPT, "the file of %s has another size than it should; moat verify %s",
                  m->name.text, m->name.text);
    if (ok) {
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
        return send_file(a, fd, id.bytes, GGUF_TYPE, m->digest.hex, m, headers);
    }
    json_decref(headers);
    if (fd >= 0)
        close(fd);
    return false;
}

/* The hashes of a blob's leaves in *fd; where they must be computed first, -1: the client waits. */
static bool need_leaves(const struct asked *a, const struct digest *d, int *fd, struct err *e)
{
    char key[ERRAND_KEY];
    struct leaves_job q = {&a->k->shelf.store, *d};
    *fd = leaves_open(&a->k->shelf.store, d);
    if (*fd >= 0)
        return true;
    if (a->again)
        return fail(e, ERR_IO, "the hashes of the file's leaves cannot be kept");
    snprintf(key, sizeof key, "leaves %s", d->hex);
    struct errand *r = errand_find(&a->k->errands, key);
    if (!r)
        r = errand_start(&a->k->errands, key, leaves_make, &q, a->k->line, e);
    return r && errand_join(r, a->id, a->w, e);
}

static bool send_leaves(const struct asked *a, const struct manifest *m, struct err *e)
{
    struct os_file_id id;
    char root[2 * HASH_BYTES + 1];
    int fd;
    if (!need_leaves(a, &m->digest, &fd, e) || fd < 0)
        return fd < 0 && e->code == ERR_NONE;
    if (os_file_id(fd, &id, e) && leaves_root(fd, root, e))
        return send_file(a, fd, id.bytes, GGUF_TYPE, root, NULL, NULL);
    close(fd);
    return false;
}

static bool no_model(struct err *e)
{
    return fail(e, ERR_NOT_FOUND, "there is no such model here; GET /models lists those there are");
}

static bool answer_file(const struct asked *a, struct err *e)
{
    const struct want *w = a->w;
    const struct shelf *s = &a->k->shelf;
    const struct manifest *m =
        w->by_digest ? shelf_digest(s, &w->digest) : shelf_named(s, w->repository, w->revision);
    if (!m)
        return no_model(e);
    return w->leaves ? send_leaves(a, m, e) : send_blob(a, m, NULL, e);
}

static bool answer_model(const struct asked *a, struct err *e)
{
    const struct manifest *m = shelf_named(&a->k->shelf, a->w->repository, a->w->revision);
    char root[2 * HASH_BYTES + 1];
    int fd;
    if (!m)
        return no_model(e);
    if (!need_leaves(a, &m->digest, &fd, e) || fd < 0)
        return fd < 0 && e->code == ERR_NONE;
    bool ok = leaves_root(fd, root, e);
    close(fd);
    return ok && send_json(a, docs_model(m, root), e);
}

/* --- Hugging Face --------------------------------------------------------------------------------
 */

static bool send_pointer(const struct asked *a, const struct manifest *m, json_t *headers,
                         struct err *e)
{
    struct buf text;
    buf_init(&text, 4096);
    buf_fmt(&text, "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %llu\n",
            m->digest.hex, (unsigned long long)m->size);
    bool ok = send_text(a, &text, "text/plain; charset=utf-8", headers, e);
    buf_clear(&text);
    return ok;
}

static bool send_hf_file(struct asked *a, const struct hub_repository *r, struct err *e)
{
    const struct hub_file *f = hub_file(r, a->w->file);
    if (!f) {
        a->word = "EntryNotFound";
        return fail(e, ERR_NOT_FOUND, "there is no such file in this repository here");
    }
    const struct manifest *m = f->manifest;
    json_t *commit = json_pack("{ss}", "X-Repo-Commit", r->commit);
    if (a->w->kind == WANT_HF_POINTER)
        return send_pointer(a, m, commit, e);
    json_object_set_new(commit, "X-Linked-Etag", json_sprintf("\"%s\"", m->digest.hex));
    json_object_set_new(commit, "X-Linked-Size", json_sprintf("%llu", (unsigned long long)m->size));
    return send_blob(a, m, commit, e);
}

static bool answer_hf(struct asked *a, struct err *e)
{
    struct hub_repository r;
    const struct want *w = a->w;
    if (!hub_find(&r, &a->k->shelf, w->repository, w->revision, e))
        return false;
    bool ok = r.n > 0;
    if (!ok) {
        a->word = "RepoNotFound";
        fail(e, ERR_NOT_FOUND, "there is no such repository, or revision of it, here");
    }
    ok = ok && (w->kind == WANT_HF_INFO   ? send_json(a, docs_hf_info(w->repository, &r), e)
                : w->kind == WANT_HF_TREE ? send_json(a, docs_hf_tree(&r), e)
                                          : send_hf_file(a, &r, e));
    hub_clear(&r);
    return ok;
}

/* --- OCI, Ollama ---------------------------------------------------------------------------------
 */

/* "library/NAME" and "NAME" are the same; others hold nothing. */
static const char *name_of(const struct want *w)
{
    size_t n = sizeof HUB_LIBRARY - 1;
    return strncmp(w->repository, HUB_LIBRARY, n) == 0 ? w->repository + n : w->repository;
}

static bool is_text(const struct buf *text, const struct digest *d)
{
    struct digest got;
    return docs_digest(text, &got, NULL) && strcmp(got.hex, d->hex) == 0;
}

static bool send_v2(const struct asked *a, const struct buf *text, const char *type, struct err *e)
{
    struct digest d;
    return docs_digest(text, &d, e) &&
           send_text(a, text, type,
                     json_pack("{so}", "Docker-Content-Digest", json_sprintf("sha256:%s", d.hex)),
                     e);
}

/* The text with this digest that belongs to a tag of the model: its manifest or configuration. */
static bool find_text(const struct asked *a, bool manifest, struct buf *text, struct err *e)
{
    const struct shelf *s = &a->k->shelf;
    for (size_t i = 0; i < s->n; i++) {
        const struct manifest *m = &s->v[i];
        if (strcmp(m->name.model, name_of(a->w)) != 0)
            continue;
        buf_reset(text);
        if (!(manifest ? docs_v2_manifest(m, text, e) : docs_v2_config(m, text, e)))
            return false;
        if (is_text(text, &a->w->digest))
            return true;
    }
    return no_model(e);
}

static bool answer_v2_manifest(struct asked *a, struct err *e)
{
    struct buf text;
    const struct manifest *m = shelf_named(&a->k->shelf, name_of(a->w), a->w->revision);
    buf_init(&text, LIMIT_MANIFEST_BYTES);
    bool ok = a->w->by_digest ? find_text(a, true, &text, e)
              : m             ? docs_v2_manifest(m, &text, e)
                              : no_model(e);
    ok = ok && send_v2(a, &text, DOCS_MANIFEST_TYPE, e);
    buf_clear(&text);
    return ok;
}

static bool answer_v2_blob(struct asked *a, struct err *e)
{
    struct buf text;
    const struct manifest *m = shelf_digest(&a->k->shelf, &a->w->digest);
    if (m)
        return send_blob(
            a, m,
            json_pack("{so}", "Docker-Content-Digest", json_sprintf("sha256:%s", m->digest.hex)),
            e);
    buf_init(&text, LIMIT_MANIFEST_BYTES);
    bool ok = find_text(a, false, &text, e) && send_v2(a, &text, DOCS_CONFIG_TYPE, e);
    buf_clear(&text);
    return ok;
}

/* --- the whole -----------------------------------------------------------------------------------
 */

static bool answer(struct asked *a, struct err *e)
{
    const struct shelf *s = &a->k->shelf;
    switch (a->w->kind) {
    case WANT_LIST:
        return send_json(a, docs_list(s), e);
    case WANT_MODEL:
        return answer_model(a, e);
    case WANT_FILE:
    case WANT_BLOB:
        return answer_file(a, e);
    case WANT_HF_FILE:
    case WANT_HF_POINTER:
    case WANT_HF_INFO:
    case WANT_HF_TREE:
        return answer_hf(a, e);
    case WANT_V2:
        return send_json(a, json_object(), e);
    case WANT_V2_CATALOG:
        return send_json(a, docs_v2_catalog(s), e);
    case WANT_V2_TAGS:
        return send_json(a, docs_v2_tags(a->w->repository, s, name_of(a->w)), e);
    case WANT_V2_MANIFEST:
        return answer_v2_manifest(a, e);
    case WANT_V2_BLOB:
        return answer_v2_blob(a, e);
    case WANT_STATS:
    case WANT_NOTHING:
    case WANT_KINDS:
        break;
    }
    return fail(e, ERR_NOT_FOUND, "there is nothing at this path");
}

void keeper_answer(struct keeper *k, json_int_t id, const struct want *w, bool again)
{
    struct asked a = {.k = k, .id = id, .w = w, .again = again};
    struct err e = {0};
    shelf_refresh(&k->shelf);
    if (!answer(&a, &e))
        keeper_refuse(k, id, &e, a.word);
}
