/* SPDX-License-Identifier: Apache-2.0 */
/* cli/thin_model: see thin_model.h. */
#include "cli/thin_model.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "cli/interrupt.h"
#include "cli/opts.h"
#include "cli/packs.h"
#include "engine/packed_thin.h"
#include "store/thin.h"

/* --- the bytes of the whole file ----------------------------------------------------------------
 */

struct stream {
    struct hash_stream hash;
    struct blob_writer *blob; /* NULL: only hashed */
    struct progress bar;
    uint64_t n;
};

static bool take(void *arg, const void *p, size_t n, struct err *e)
{
    struct stream *s = arg;
    s->n += n;
    progress_update(&s->bar, s->n);
    if (atomic_load(interrupt_flag()))
        return fail(e, ERR_CANCELLED, "stopped; nothing was changed");
    return s->blob ? blob_write(s->blob, p, n, e) : hash_add(&s->hash, p, n, e);
}

static bool stream_all(struct stream *s, int thin_fd, const struct manifest *m,
                       const struct packed_params *params, struct err *e)
{
    int fd = fcntl(thin_fd, F_DUPFD_CLOEXEC, 0);
    struct gguf *g = fd >= 0 ? gguf_take_fd(fd, m->name.text, e) : NULL;
    if (fd < 0)
        return fail(e, ERR_LIMIT, "%s: too many files are open", m->name.text);
    progress_start(&s->bar, m->name.text, m->size);
    interrupt_begin();
    bool ok = g && packed_thin_restore(g, params, take, s, e);
    interrupt_end();
    progress_end(&s->bar);
    gguf_close(g);
    return ok;
}

static bool hash_all(int thin_fd, const struct manifest *m, const struct packed_params *params,
                     struct digest *d, struct err *e)
{
    struct stream s = {0};
    struct hash h;
    if (!hash_begin(&s.hash, e))
        return false;
    bool ok = stream_all(&s, thin_fd, m, params, e);
    ok = hash_end(&s.hash, ok ? &h : NULL, e) && ok;
    if (ok)
        digest_from_hash(d, &h);
    return ok;
}

/* What the pack beside the thin file of this model is. */
struct pack {
    char path[STORE_PATH];
    struct hash digest;
    struct packed_params params;
};

static void pack_of(struct pack *p, const struct store *s, const struct digest *d)
{
    digest_to_hash(d, &p->digest);
    thin_path(s, d, "pack", p->path);
    p->params = (struct packed_params){.path = p->path, .digest = &p->digest, .required = true};
}

bool thin_model_hash(const struct store *s, const struct manifest *m, struct digest *d,
                     struct err *e)
{
    struct pack pack;
    int fd = thin_open(s, &m->digest, e);
    pack_of(&pack, s, &m->digest);
    bool ok = fd >= 0 && hash_all(fd, m, &pack.params, d, e);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* --- thin
 * ----------------------------------------------------------------------------------------- */

static bool make_pack(const struct gguf *g, const struct pack *pack, struct err *e)
{
    struct packs bar = {0};
    struct packed_params params = pack->params;
    struct packed packed = {0};
    if (!packs_init(&bar, g, e))
        return false;
    params.progress = bar.params.progress;
    params.progress_arg = &bar;
    params.required = false;
    struct model *m = model_new(g, NULL, e);
    bool ok = m && packed_open_threads(&packed, m, g, &params, os_cpu_count(), e);
    packs_done(&bar);
    if (ok && packed.state != PACKED_FILE)
        ok = fail(e, packed.notice.code ? packed.notice.code : ERR_UNSUPPORTED, "%s",
                  packed.notice.code ? packed.notice.msg
                                     : _("none of the weights of this model are packed"));
    model_free(m);
    packed_close(&packed);
    return ok;
}

static bool same(const struct manifest *m, const struct digest *got, struct err *e)
{
    return strcmp(got->hex, m->digest.hex) == 0 ||
           fail(e, ERR_CORRUPT,
                "%s: the stored bytes are damaged: their SHA-256 is %s, not %s; import the model "
                "again",
                m->name.text, got->hex, m->digest.hex);
}

/* The thin file gets its name and the whole one goes, while nobody else changes the store. */
static bool exchange(const struct store *s, const struct digest *d, const struct pack *pack,
                     struct os_atomic_file *f, struct err *e)
{
    struct os_lock lock;
    char blob[STORE_PATH];
    if (!store_lock(s, &lock, e))
        return false;
    bool ok = access(pack->path, R_OK) == 0 ||
              fail(e, ERR_BUSY, "another moat cleared the store meanwhile; try again");
    ok = ok && os_atomic_commit(f, e);
    if (ok)
        unlink(store_path(s, blob, "blobs/sha256-%s", d->hex));
    os_lock_close(&lock);
    return ok;
}

static bool make(const struct store *s, const struct manifest *m, struct gguf *g, struct err *e)
{
    struct os_atomic_file f = {.fd = -1};
    struct pack pack;
    struct digest got;
    char path[STORE_PATH];
    pack_of(&pack, s, &m->digest);
    bool ok = os_mkdirs(store_path(s, path, "thin"), e) && make_pack(g, &pack, e) &&
              os_atomic_open(&f, thin_path(s, &m->digest, "gguf", path), e);
    f.mode = 0444;
    ok = ok && packed_thin_write(g, f.fd, e) && hash_all(f.fd, m, &pack.params, &got, e);
    if (ok && !same(m, &got, e)) {
        unlink(pack.path); /* it would be taken again; the whole file is still there */
        ok = false;
    }
    ok = ok && exchange(s, &m->digest, &pack, &f, e);
    os_atomic_close(&f);
    return ok;
}

bool thin_model_make(const struct store *s, const struct manifest *m, struct err *e)
{
    if (thin_exists(s, &m->digest))
        return true;
    int fd = blob_open(s, &m->digest, e);
    struct gguf *g = fd >= 0 ? gguf_take_fd(fd, m->name.text, e) : NULL;
    bool ok = g && make(s, m, g, e);
    gguf_close(g);
    return ok;
}

/* --- whole again
 * ---------------------------------------------------------------------------------- */

static bool place(const struct store *s, const struct digest *d, struct blob_writer *w,
                  struct err *e)
{
    struct os_lock lock;
    if (!store_lock(s, &lock, e))
        return false;
    bool ok = blob_commit(w, d, e);
    if (ok)
        thin_remove(s, d);
    os_lock_close(&lock);
    return ok;
}

static bool is_whole(const struct store *s, const struct digest *d)
{
    int fd = blob_open(s, d, NULL);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

bool thin_model_restore(const struct store *s, const struct manifest *m, struct err *e)
{
    struct blob_writer w = {.file.fd = -1};
    struct stream stream = {.blob = &w};
    struct pack pack;
    struct digest got;
    if (!thin_exists(s, &m->digest))
        return true;
    int fd = thin_open(s, &m->digest, e);
    pack_of(&pack, s, &m->digest);
    bool ok = fd >= 0 && blob_begin(&w, s, m->size, e) &&
              stream_all(&stream, fd, m, &pack.params, e) && blob_digest(&w, &got, e) &&
              same(m, &got, e) && place(s, &m->digest, &w, e);
    blob_abort(&w);
    if (fd >= 0)
        close(fd);
    return ok || is_whole(s, &m->digest); /* another moat was first, and took the pack away */
}
