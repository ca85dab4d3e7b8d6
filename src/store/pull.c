/* SPDX-License-Identifier: Apache-2.0 */
/* store/pull: see pull.h. */
#include "store/pull.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/leaves.h"
#include "store/partial.h"
#include "store/upstream.h"

struct pull {
    struct pull_request *q;
    struct pull_result *r;
    struct store store;
    struct partial partial;
};

/* --- is it what was wanted? ---------------------------------------------------------------- */

static bool has_root(int fd, const char *name, const char *root, bool *same, struct err *e)
{
    struct leaves l;
    bool ok = leaves_read(&l, fd, name, NULL, e);
    *same = ok && strcmp(l.root, root) == 0;
    leaves_clear(&l);
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
        return has_root(fd, q->name.text, q->job.root, same, e);
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
        ok = publish_check(fd, p->q->name.text, p->q->template_digest, p->r->architecture, e) &&
             publish(p, e);
    }
    close(fd);
    return ok;
}

/* --- from the network ---------------------------------------------------------------------- */

static bool make_key(const struct pull_request *q, char key[PARTIAL_KEY], struct err *e)
{
    struct digest d;
    if (!digest_of(&d, str_of(q->job.url[0]), e))
        return false;
    if (q->expected)
        snprintf(key, PARTIAL_KEY, "sha256-%s", q->expected->hex);
    else if (q->job.root)
        snprintf(key, PARTIAL_KEY, "tree-%s", q->job.root);
    else
        snprintf(key, PARTIAL_KEY, "url-%s", d.hex);
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

/* A registry's token holds for minutes, a pull may take hours: another one is asked for as long as
 * the last has brought something. */
static bool fetch_once(struct pull *p, struct err *e)
{
    struct pull_request *q = p->q;
    for (bool idle = false;;) {
        struct event last = {0};
        bool ok = fetch_call(&q->job, p->partial.data_fd, p->partial.journal_fd, q->watch.stop,
                             q->watch.event, q->watch.arg, &last, NULL, e);
        p->r->received += last.received;
        if (ok || e->code != ERR_UNAUTHORISED || !q->renew || (idle && last.received == 0))
            return ok;
        idle = last.received == 0;
        if (!upstream_renew(q->renew, &q->job, q->watch.stop, e))
            return false;
    }
}

/* Fetches until the whole is right or no source is left. */
static bool fetch_right(struct pull *p, struct err *e)
{
    struct pull_request *q = p->q;
    q->job.digest_known = q->expected || q->job.root;
    q->job.mismatch = false;
    for (uint32_t tries = 0; tries <= 2 * LIMIT_PULL_SOURCES; tries++) {
        bool same;
        if (!fetch_once(p, e))
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
    (void)partial_sweep(&p->store, PARTIAL_DAYS);
    if (!make_key(q, key, e) ||
        !partial_open(&p->partial, &p->store, key, q->watch.waiting, q->watch.arg, e))
        return false;
    if (!use_present(p, e)) /* another process may just have brought it */
        return false;
    bool ok = p->r->present || fetch_right(p, e);
    bool useless = !ok && e->code == ERR_CORRUPT && !q->job.root; /* pieces of a tree are good */
    if (ok && !p->r->present) {
        ok = publish_check(p->partial.data_fd, q->name.text, q->template_digest, p->r->architecture,
                           e);
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
