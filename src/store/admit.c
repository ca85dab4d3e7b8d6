/* SPDX-License-Identifier: Apache-2.0 */
/* store/admit: see admit.h. */
#include "store/admit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/foreign.h"
#include "store/leaves.h"
#include "store/thin.h"

/* A file that is to be let in, or not. */
struct asking {
    const struct admission *a;
    const char *name;
    enum policy_use use;
};

bool admit_folder(char out[STORE_PATH], struct err *e)
{
    struct store s;
    if (!store_open(&s, false, e))
        return false;
    store_path(&s, out, "policy");
    return true;
}

/* --- hashes of leaves that are kept --------------------------------------------------------------
 */

static bool cache_path(const struct admission *a, const struct hash *tree, char out[STORE_PATH])
{
    char hex[2 * HASH_BYTES + 1];
    hash_hex(tree, hex);
    return snprintf(out, STORE_PATH, "%s/leaves/%s", a->dir, hex) < STORE_PATH;
}

static uint64_t leaf_count(uint64_t bytes)
{
    return (bytes + HASH_LEAF_BYTES - 1) / HASH_LEAF_BYTES;
}

/* The leaves of this model as they were found before, or NULL. Whoever wrote them: the root tells
 * whether they are right. */
static struct hash *read_cache(const struct admission *a, const struct policy_model *m)
{
    char path[STORE_PATH];
    struct buf text;
    struct hash root, *v = NULL;
    uint64_t n = leaf_count(m->size);
    if (!cache_path(a, &m->tree, path) || access(path, R_OK) != 0)
        return NULL;
    buf_init(&text, n * HASH_BYTES);
    struct err ignored;
    if (buf_read_file(&text, path, &ignored) && text.n == n * HASH_BYTES)
        v = mem_new(n, sizeof *v, &ignored);
    if (v)
        memcpy(v, text.p, text.n);
    buf_clear(&text);
    if (v && hash_root(v, n, &root, &ignored) && hash_eq(&root, &m->tree))
        return v;
    mem_free(v);
    return NULL;
}

/* Not being able to is no error: the next start reads all again. */
static void write_cache(const struct admission *a, const struct hash *tree, const struct leaves *l)
{
    char folder[STORE_PATH], path[STORE_PATH];
    struct err ignored;
    if (snprintf(folder, sizeof folder, "%s/leaves", a->dir) < STORE_PATH &&
        cache_path(a, tree, path) && os_mkdirs(folder, &ignored))
        (void)!leaves_write(l, path, &ignored);
}

/* --- which model a file is -----------------------------------------------------------------------
 */

static bool begins_as(int fd, const struct policy_model *m, const struct hash *leaves)
{
    struct err ignored;
    struct hash got;
    uint64_t n = m->size < HASH_LEAF_BYTES ? m->size : HASH_LEAF_BYTES;
    char *first = mem_new(n, 1, &ignored);
    bool same = first && pread(fd, first, n, 0) == (ssize_t)n &&
                hash_leaf(first, n, &got, &ignored) && hash_eq(&got, &leaves[0]);
    mem_free(first);
    return same;
}

/* One of this size whose leaves are known, and whose first is this file's: the others are compared
 * as they are used. */
static const struct policy_model *find_known(const struct admission *a, int fd, uint64_t size,
                                             struct hash **leaves)
{
    for (size_t i = 0; i < a->policy.n; i++) {
        const struct policy_model *m = &a->policy.v[i];
        if (m->size != size || !(*leaves = read_cache(a, m)))
            continue;
        if (begins_as(fd, m, *leaves))
            return m;
        mem_free(*leaves);
        *leaves = NULL;
    }
    return NULL;
}

/* All of it is read. */
static const struct policy_model *find_by_tree(const struct asking *q, int fd, struct hash **leaves,
                                               struct err *e)
{
    struct leaves l;
    struct hash tree;
    const struct policy_model *m = NULL;
    if (!leaves_read(&l, fd, q->name, NULL, e))
        return NULL;
    if (hash_root(l.v, l.n, &tree, e) &&
        (m = policy_allows(&q->a->policy, &tree, q->name, q->use, q->a->now, e)))
        write_cache(q->a, &tree, &l);
    if (m)
        *leaves = l.v;
    else
        leaves_clear(&l);
    return m;
}

static void approve(const struct admission *a, const struct policy_model *m,
                    struct gguf_approval *out)
{
    *out = (struct gguf_approval){.sha256 = m->sha256, .policy = a->policy.terms.version};
    for (uint32_t i = 0; i < m->n_pack; i++)
        out->pack[out->n_packs++] = m->pack[i].root;
}

/* Takes fd over. */
static struct gguf *open_allowed(const struct asking *q, int fd, struct err *e)
{
    const struct admission *a = q->a;
    struct stat st;
    struct hash *leaves = NULL;
    struct gguf_approval approval;
    const struct policy_model *m = NULL;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
        fail(e, ERR_USAGE, "%s is no regular file, or empty", q->name);
    else if ((m = find_known(a, fd, (uint64_t)st.st_size, &leaves)))
        m = policy_allows(&a->policy, &m->tree, q->name, q->use, a->now, e);
    else
        m = find_by_tree(q, fd, &leaves, e);
    if (!m) {
        mem_free(leaves);
        close(fd);
        return NULL;
    }
    approve(a, m, &approval);
    uint64_t size = m->size;
    struct checked *c = checked_new(fd, size, leaves, q->name, e);
    return c ? gguf_take_checked(c, size, &approval, q->name, e) : NULL;
}

/* --- opening -------------------------------------------------------------------------------------
 */

static int open_path(const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        os_fail_open(path, e);
    return fd;
}

static int open_stored(const struct name *name, struct err *e)
{
    struct store s;
    struct manifest m;
    if (!store_open(&s, false, e) || !manifest_read(&s, name, &m, e))
        return -1;
    int fd = blob_open(&s, &m.digest, e);
    if (fd < 0 && thin_exists(&s, &m.digest))
        fail(e, ERR_DENIED,
             "%s is kept packed only, which a policy cannot check; moat pack --restore %s makes "
             "its file again",
             name->text, name->text);
    manifest_clear(&m);
    return fd;
}

/* As resolve_model finds it: -1 with its errors. */
static int open_model(const char *model, struct err *e)
{
    struct foreign f;
    struct name name;
    if (foreign_is(model))
        return foreign_find(&f, model, e) ? open_path(f.path, e) : -1;
    if (name_is_path(str_of(model)) || !name_parse(&name, str_of(model), NULL))
        return open_path(model, e);
    int fd = open_stored(&name, e);
    if (fd < 0 && e->code == ERR_NOT_FOUND && access(model, F_OK) == 0)
        fd = open_path(model, e);
    return fd;
}

/* Without a home there is no policy either. */
bool admit_begin(struct admission *a, bool required, struct err *e)
{
    *a = (struct admission){0};
    *e = (struct err){0};
    if (!admit_folder(a->dir, e))
        return e->code == ERR_USAGE && !required;
    return policy_load(&a->policy, a->dir, required, &a->enforced, &a->now, e);
}

void admit_end(struct admission *a)
{
    policy_clear(&a->policy);
}

struct gguf *admit_model(const struct admission *a, const char *model, enum policy_use use,
                         struct err *e)
{
    struct resolved r = {0};
    if (a->enforced) {
        int fd = open_model(model, e);
        return fd >= 0 ? open_allowed(&(struct asking){a, model, use}, fd, e) : NULL;
    }
    struct gguf *g = resolve_model(model, &r, e) ? r.gguf : NULL;
    resolved_clear(&r);
    return g;
}

struct gguf *admit_file(const struct admission *a, int fd, const char *path, const char *name,
                        enum policy_use use, struct err *e)
{
    if (!a->enforced && path[0] && strstr(path, "-of-")) /* one of several parts: by its path */
        return gguf_open(path, e);
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0) {
        fail(e, ERR_LIMIT, "%s: too many files are open", name);
        return NULL;
    }
    return a->enforced ? open_allowed(&(struct asking){a, name, use}, own, e)
                       : gguf_take_fd(own, name, e);
}
