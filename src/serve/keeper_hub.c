/* SPDX-License-Identifier: Apache-2.0 */
/* serve/keeper_hub: the paths of Hugging Face; see keeper_private.h. */
#include <string.h>

#include "serve/keeper_docs.h"
#include "serve/keeper_private.h"

static bool send_pointer(const struct asked *a, const struct hub_file *f, json_t *headers,
                         struct err *e)
{
    struct buf text;
    buf_init(&text, 4096);
    buf_fmt(&text, "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %llu\n",
            f->digest.hex, (unsigned long long)f->size);
    bool ok = send_text(a, &text, "text/plain; charset=utf-8", headers, e);
    buf_clear(&text);
    return ok;
}

static json_t *file_headers(const struct hub_repository *r, const struct hub_file *f)
{
    json_t *h = json_pack("{ss}", "X-Repo-Commit", r->commit);
    json_object_set_new(h, "X-Linked-Etag", json_sprintf("\"%s\"", f->digest.hex));
    json_object_set_new(h, "X-Linked-Size", json_sprintf("%llu", (unsigned long long)f->size));
    return h;
}

/* l: what upstream has, NULL where the repository is one of the store alone. */
static bool send_file(struct asked *a, const struct hub_repository *r, const struct listing *l,
                      struct err *e)
{
    const struct hub_file *f = hub_file(r, a->w->file);
    if (!f) {
        a->word = "EntryNotFound";
        return fail(e, ERR_NOT_FOUND, "there is no such file in this repository here");
    }
    if (a->w->kind == WANT_HF_POINTER)
        return send_pointer(a, f, json_pack("{ss}", "X-Repo-Commit", r->commit), e);
    const struct manifest *m = shelf_digest(&a->k->shelf, &f->digest);
    if (m)
        return send_blob(a, m, file_headers(r, f), e);
    const struct listing_file *away = l ? listing_path(l, f->path) : NULL;
    if (!away)
        return no_model(a, e);
    return a->w->head ? send_head(a, away, file_headers(r, f)) : need_pull(a, l, away, e);
}

static bool send_repository(struct asked *a, const struct hub_repository *r,
                            const struct listing *l, struct err *e)
{
    if (r->n == 0 && !l) {
        a->word = "RepoNotFound";
        return a->tried && a->tried->code != ERR_NOT_FOUND && a->tried->code != ERR_NONE
                   ? no_model(a, e)
                   : fail(e, ERR_NOT_FOUND, "there is no such repository, or revision of it, here");
    }
    if (a->w->kind == WANT_HF_INFO)
        return send_json(a, docs_hf_info(a->w->repository, r), e);
    if (a->w->kind == WANT_HF_TREE)
        return send_json(a, docs_hf_tree(r), e);
    return send_file(a, r, l, e);
}

static bool is_ours(const struct want *w)
{
    return strncmp(w->repository, HUB_LIBRARY, sizeof HUB_LIBRARY - 1) == 0;
}

bool answer_hub(struct asked *a, struct err *e)
{
    struct hub_repository r = {0};
    struct listing l = {0};
    bool waits = false;
    bool upstream = !is_ours(a->w) && need_listing(a, LISTING_HF, &l, &waits, e);
    if (waits || e->code != ERR_NONE)
        return waits;
    bool ok = upstream ? listing_repository(&l, &r, e)
                       : hub_find(&r, &a->k->shelf, a->w->repository, a->w->revision, e);
    ok = ok && send_repository(a, &r, upstream ? &l : NULL, e);
    hub_clear(&r);
    listing_clear(&l);
    return ok;
}
