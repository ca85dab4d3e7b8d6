/* SPDX-License-Identifier: Apache-2.0 */
/* store/pull: see pull.h. */
#include "store/pull.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/partial.h"

struct pull {
    struct pull_request *q;
    struct pull_result *r;
    struct store store;
    struct partial partial;
};

/* --- is it what was wanted? ---------------------------------------------------------------- */

static void to_hex(const struct hash *h, char out[2 * HASH_BYTES + 1])
{
    for (size_t i = 0; i < HASH_BYTES; i++)
        snprintf(out + 2 * i, 3, "%02x", h->b[i]);
}

static bool hash_leaves(int fd, uint64_t size, struct hash *leaf, struct err *e)
{
    char *piece = mem_new(HASH_LEAF_BYTES, 1, e);
    bool ok = piece != NULL;
    for (uint64_t at = 0; ok && at < size; at += HASH_LEAF_BYTES) {
        uint64_t n = size - at < HASH_LEAF_BYTES ? size - at : HASH_LEAF_BYTES;
        ssize_t got = pread(fd, piece, n, (off_t)at);
        if (got != (ssize_t)n)
            ok = fail(e, ERR_IO, "cannot read the file again: %s", strerror(got < 0 ? errno : EIO));
        ok = ok && hash_leaf(piece, n, &leaf[at / HASH_LEAF_BYTES], e);
    }
    mem_free(piece);
    return ok;
}

static bool has_root(int fd, uint64_t size, const char *root, bool *same, struct err *e)
{
    struct hash got;
    char hex[2 * HASH_BYTES + 1] = "";
    uint64_t n = size / HASH_LEAF_BYTES + (size % HASH_LEAF_BYTES != 0);
    struct hash *leaf = mem_new(n, sizeof *leaf, e);
    bool ok = leaf && hash_leaves(fd, size, leaf, e) && hash_root(leaf, n, &got, e);
    if (ok)
        to_hex(&got, hex);
    *same = strcmp(hex, root) == 0;
    mem_free(leaf);
    return ok;
}

static bool check(struct pull *p, int fd, bool *same, struct err *e)
{
    struct pull_request *q = p->q;
    struct os_file_id id;
    *same = true;
    if (!os_file_id(fd, &id, e) ||
        !blob_hash(fd, q->name.text, &q->watch.checking, &p->r->digest, e))
        return false;
    p->r->size = id.bytes;
    p->r->verified = q->expected || q->job.root;
    if (q->expected)
        *same = strcmp(q->expected->hex, p->r->digest.hex) == 0;
    else if (q->job.root)
        return has_root(fd, id.bytes, q->job.root, same, e);
    return true;
}

/* --- into the store ------------------------------------------------------------------------ */

static bool place(void *arg, const struct digest *d, struct err *e)
{
    struct pull *p = arg;
    return p->r->present || partial_place(&p->partial, d, e);
}

static bool publish(struct pull *p, struct err *e)
{
    const struct pull_request *q = p->q;
    size_t n = strlen(q->source) + 1;
    struct publication m = {.store = &p->store,
                            .m = {.name = q->name,
                                  .digest = p->r->digest,
                                  .size = p->r->size,
                                  .source = mem_new(n, 1, e),
                                  .through = q->through,
                                  .settings = json_incref((json_t *)(uintptr_t)q->settings)},
                            .place = place,
                            .arg = p};
    if (m.m.source) {
        memcpy(m.m.source, q->source, n);
        str_make_printable(m.m.source);
    }
    bool ok = m.m.source && publish_model(&m, e);
    p->r->replaced = m.replaced;
    manifest_clear(&m.m);
    return ok;
}

/* A blob that is there and whole needs no network; a damaged one is fetched anew. */
static bool use_present(struct pull *p, struct err *e)
{
    bool same = false;
    int fd = p->q->expected ? blob_open(&p->store, p->q->expected, NULL) : -1;
    if (fd < 0)
        return true;
    bool ok = check(p, fd, &same, e);
    if (ok && same) {
        p->r->present = true;
        ok = publish_check(fd, p->q->name.text, p->r->architecture, e) && publish(p, e);
    }
    close(fd);
    return ok;
}

/* --- from the network ---------------------------------------------------------------------- */

static bool make_key(const struct pull_request *q, char key[PARTIAL_KEY], struct err *e)
{
    struct hash h;
    char hex[2 * HASH_BYTES + 1];
    struct str url = str_of(q->job.url[0]);
    if (!hash_of(&url, 1, &h, e))
        return false;
    to_hex(&h, hex);
    if (q->expected)
        snprintf(key, PARTIAL_KEY, "sha256-%s", q->expected->hex);
    else if (q->job.root)
        snprintf(key, PARTIAL_KEY, "tree-%s", q->job.root);
    else
        snprintf(key, PARTIAL_KEY, "url-%s", hex);
    return true;
}

static bool wrong(const struct pull *p, struct err *e)
{
    const struct pull_request *q = p->q;
    if (q->expected)
        return fail(e, ERR_CORRUPT,
                    "%s: its SHA-256 is %s, not %s; no source has the file that is wanted",
                    q->name.text, p->r->digest.hex, q->expected->hex);
    return fail(e, ERR_CORRUPT,
                "%s: it does not fit the root of its hash tree; no source has the file that is "
                "wanted",
                q->name.text);
}

/* Fetches until the whole is right or no source is left. */
static bool fetch_right(struct pull *p, struct err *e)
{
    struct pull_request *q = p->q;
    struct event last = {0};
    q->job.digest_known = q->expected || q->job.root;
    q->job.mismatch = false;
    for (uint32_t tries = 0; tries <= 2 * LIMIT_PULL_SOURCES; tries++) {
        bool same;
        bool ok = fetch_call(&q->job, p->partial.data_fd, p->partial.journal_fd, q->watch.stop,
                             q->watch.event, q->watch.arg, &last, NULL, e);
        p->r->received += last.received;
        if (!ok)
            return tries > 0 && e->code == ERR_CORRUPT ? wrong(p, e) : false;
        if (!check(p, p->partial.data_fd, &same, e))
            return false;
        if (same)
            return true;
        q->job.mismatch = true;
    }
    return wrong(p, e);
}

static bool from_network(struct pull *p, struct err *e)
{
    char key[PARTIAL_KEY];
    struct pull_request *q = p->q;
    partial_sweep(&p->store);
    if (!make_key(q, key, e) ||
        !partial_open(&p->partial, &p->store, key, q->watch.waiting, q->watch.arg, e))
        return false;
    if (!use_present(p, e)) /* another process may just have brought it */
        return false;
    bool ok = p->r->present || fetch_right(p, e);
    bool useless = !ok && e->code == ERR_CORRUPT && !q->job.root; /* pieces of a tree are good */
    if (ok && !p->r->present) {
        ok = publish_check(p->partial.data_fd, q->name.text, p->r->architecture, e);
        useless = !ok;
        ok = ok && publish(p, e);
    }
    if (p->r->present || useless)
        partial_discard(&p->partial);
    partial_close(&p->partial);
    return ok;
}

bool pull_model(struct pull_request *q, struct pull_result *r, struct err *e)
{
    struct pull p = {.q = q, .r = r, .partial = {.data_fd = -1, .journal_fd = -1}};
    *r = (struct pull_result){0};
    return store_open(&p.store, true, e) && use_present(&p, e) &&
           (r->present || from_network(&p, e));
}
