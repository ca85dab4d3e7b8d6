/* SPDX-License-Identifier: Apache-2.0 */
/* serve/keeper_answer: see keeper_answer.h; our own paths, and who answers the others. */
#include "serve/keeper_answer.h"

#include <unistd.h>

#include "serve/keeper_docs.h"
#include "serve/keeper_private.h"
#include "serve/quota.h"
#include "serve/witness_book.h"

static bool send_leaves(const struct asked *a, const struct manifest *m, struct err *e)
{
    struct os_file_id id;
    char root[2 * HASH_BYTES + 1];
    int fd;
    if (!need_leaves(a, &m->digest, &fd, e))
        return false;
    if (fd < 0)
        return true;
    if (os_file_id(fd, &id, e) && leaves_root(fd, root, e))
        return send_open(a, fd, id.bytes, root);
    close(fd);
    return false;
}

static bool answer_file(const struct asked *a, struct err *e)
{
    const struct want *w = a->w;
    const struct shelf *s = &a->k->shelf;
    const struct manifest *m =
        w->by_digest ? shelf_digest(s, &w->digest) : shelf_named(s, w->repository, w->revision);
    if (!m)
        return no_model(a, e);
    return w->leaves ? send_leaves(a, m, e) : send_blob(a, m, NULL, e);
}

static bool answer_model(const struct asked *a, struct err *e)
{
    const struct manifest *m = shelf_named(&a->k->shelf, a->w->repository, a->w->revision);
    char root[2 * HASH_BYTES + 1];
    int fd;
    if (!m)
        return no_model(a, e);
    if (!need_leaves(a, &m->digest, &fd, e))
        return false;
    if (fd < 0)
        return true;
    bool ok = leaves_root(fd, root, e);
    close(fd);
    return ok && send_json(a, docs_model(m, root), e);
}

/* Numbers of the keeper; the front adds its own. */
static bool answer_stats(const struct asked *a, struct err *e)
{
    const struct keeper *k = a->k;
    struct quota_use use;
    json_t *now = json_array();
    if (!quota_used(&k->shelf, &use, e)) {
        json_decref(now);
        return false;
    }
    for (uint32_t i = 0; i < k->errands.n; i++) {
        const struct errand *w = k->errands.v[i];
        json_array_append_new(now, json_pack("{ss sI sI sI}", "errand", w->key, "done",
                                             (json_int_t)w->done, "total", (json_int_t)w->size,
                                             "waiting", (json_int_t)w->n_askers));
    }
    return send_json(a,
                     json_pack("{sI sI sI sI sI sI sI sI so}", "models", (json_int_t)k->shelf.n,
                               "quota", (json_int_t)k->config->quota, "through_bytes",
                               (json_int_t)use.bytes, "through_files", (json_int_t)use.files,
                               "pulls", (json_int_t)k->stats.pulls, "pulls_failed",
                               (json_int_t)k->stats.failed, "pulled_bytes",
                               (json_int_t)k->stats.received, "evicted_bytes",
                               (json_int_t)k->stats.freed, "under_way", now),
                     e);
}

static bool answer_witness(const struct asked *a, struct err *e)
{
    struct os_file_id id;
    int fd = witness_book_open(&a->k->shelf.store, a->w->digest.hex, e);
    if (fd < 0)
        return false;
    if (os_file_id(fd, &id, e))
        return send_open(a, fd, id.bytes, "");
    close(fd);
    return false;
}

static bool answer(struct asked *a, struct err *e)
{
    switch (a->w->kind) {
    case WANT_LIST:
        return send_json(a, docs_list(&a->k->shelf), e);
    case WANT_MODEL:
        return answer_model(a, e);
    case WANT_FILE:
    case WANT_BLOB:
        return answer_file(a, e);
    case WANT_HF_FILE:
    case WANT_HF_POINTER:
    case WANT_HF_INFO:
    case WANT_HF_TREE:
        return answer_hub(a, e);
    case WANT_V2:
    case WANT_V2_CATALOG:
    case WANT_V2_TAGS:
    case WANT_V2_MANIFEST:
    case WANT_V2_BLOB:
        return answer_registry(a, e);
    case WANT_WITNESS:
        return answer_witness(a, e);
    case WANT_STATS:
        return answer_stats(a, e);
    case WANT_NOTHING:
    case WANT_KINDS:
        break;
    }
    return fail(e, ERR_NOT_FOUND, "there is nothing at this path");
}

void keeper_answer(struct keeper *k, json_int_t id, const struct want *w, const struct err *tried)
{
    struct asked a = {.k = k, .id = id, .w = w, .tried = tried};
    struct err e = {0};
    shelf_refresh(&k->shelf);
    if (!answer(&a, &e))
        keeper_refuse(k, id, &e, e.code == ERR_NOT_FOUND ? a.word : NULL);
}
