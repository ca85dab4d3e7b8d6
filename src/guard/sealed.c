/* SPDX-License-Identifier: Apache-2.0 */
/* guard/sealed: see sealed.h. */
#include "guard/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum {
    HEAD = crypto_secretstream_xchacha20poly1305_HEADERBYTES,
    SEAL = crypto_secretstream_xchacha20poly1305_ABYTES
};

typedef crypto_secretstream_xchacha20poly1305_state stream_state;

/* In locked memory. */
struct secret {
    unsigned char key[crypto_secretstream_xchacha20poly1305_KEYBYTES];
    stream_state write, read;
    unsigned char plain_out[SEALED_PIECE], plain_in[SEALED_PIECE];
};

/* A record that is being written or read. */
struct record {
    uint64_t at, left; /* in the file; bytes of the record not yet handed over */
    size_t n, done;    /* bytes in the piece, and those of them that were given */
    char owner[SEALED_OWNER];
    size_t n_owner;
};

struct sealed {
    int fd;
    struct secret *secret;
    struct record out, in;
    unsigned char sealed[SEALED_PIECE + SEAL];
};

/* --- the file ------------------------------------------------------------------------------------
 */

static bool lock_secret(struct sealed *s, struct err *e)
{
    if (sodium_init() < 0 || !(s->secret = sodium_malloc(sizeof *s->secret)))
        return fail(e, ERR_LIMIT, "memory for the key of a scratch file is short");
    if (sodium_mlock(s->secret, sizeof *s->secret) != 0)
        return fail(e, ERR_LIMIT,
                    "the key of a scratch file cannot be locked in memory: allow %zu KiB of locked "
                    "memory (ulimit -l, LimitMEMLOCK=), or do without --spill",
                    sizeof *s->secret / 1024);
    crypto_secretstream_xchacha20poly1305_keygen(s->secret->key);
    return true;
}

struct sealed *sealed_new(const char *folder, struct err *e)
{
    struct sealed *s = mem_new(1, sizeof *s, e);
    if (!s)
        return NULL;
    s->fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
    if (s->fd < 0)
        fail(e, ERR_IO, "cannot make a scratch file in %s: %s", folder, strerror(errno));
    else if (lock_secret(s, e))
        return s;
    sealed_free(s);
    return NULL;
}

void sealed_free(struct sealed *s)
{
    if (!s)
        return;
    if (s->fd >= 0)
        close(s->fd);
    sodium_free(s->secret); /* wiped */
    mem_free(s);
}

uint64_t sealed_bytes(uint64_t n)
{
    return HEAD + n + SEAL * ((n + SEALED_PIECE - 1) / SEALED_PIECE);
}

static bool write_at(const struct sealed *s, uint64_t at, const unsigned char *p, size_t n,
                     struct err *e)
{
    for (size_t done = 0; done < n;) {
        ssize_t w = pwrite(s->fd, p + done, n - done, (off_t)(at + done));
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return fail(e, ERR_IO, "cannot write a scratch file: %s", strerror(w ? errno : ENOSPC));
        done += (size_t)w;
    }
    return true;
}

static bool read_at(const struct sealed *s, uint64_t at, unsigned char *p, size_t n, struct err *e)
{
    for (size_t done = 0; done < n;) {
        ssize_t r = pread(s->fd, p + done, n - done, (off_t)(at + done));
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return fail(e, ERR_IO, "cannot read a scratch file: %s", strerror(r ? errno : EIO));
        done += (size_t)r;
    }
    return true;
}

static bool begin(struct record *r, uint64_t at, uint64_t n, struct str owner, struct err *e)
{
    *r = (struct record){.at = at, .left = n};
    if (owner.n > sizeof r->owner)
        return fail(e, ERR_INTERNAL, "the owner of a record has too long a name");
    memcpy(r->owner, owner.p, owner.n);
    r->n_owner = owner.n;
    return true;
}

/* --- writing -------------------------------------------------------------------------------------
 */

bool sealed_write_begin(struct sealed *s, uint64_t at, uint64_t n, struct str owner, struct err *e)
{
    unsigned char head[HEAD];
    if (!begin(&s->out, at, n, owner, e))
        return false;
    crypto_secretstream_xchacha20poly1305_init_push(&s->secret->write, head, s->secret->key);
    s->out.at += HEAD;
    return write_at(s, at, head, sizeof head, e);
}

static bool put_piece(struct sealed *s, struct err *e)
{
    struct record *r = &s->out;
    unsigned char tag = r->left ? 0 : crypto_secretstream_xchacha20poly1305_TAG_FINAL;
    crypto_secretstream_xchacha20poly1305_push(&s->secret->write, s->sealed, NULL,
                                               s->secret->plain_out, r->n,
                                               (unsigned char *)r->owner, r->n_owner, tag);
    bool ok = write_at(s, r->at, s->sealed, r->n + SEAL, e);
    r->at += r->n + SEAL;
    r->n = 0;
    return ok;
}

bool sealed_write(struct sealed *s, const void *p, size_t n, struct err *e)
{
    struct record *r = &s->out;
    const unsigned char *from = p;
    if (n > r->left)
        return fail(e, ERR_INTERNAL, "a record gets more than was announced");
    while (n) {
        size_t room = SEALED_PIECE - r->n, some = n < room ? n : room;
        memcpy(s->secret->plain_out + r->n, from, some);
        from += some;
        n -= some;
        r->n += some;
        r->left -= some;
        if ((r->n == SEALED_PIECE || r->left == 0) && !put_piece(s, e))
            return false;
    }
    return true;
}

/* --- reading -------------------------------------------------------------------------------------
 */

static bool damaged(struct err *e)
{
    return fail(e, ERR_CORRUPT, "a record of a scratch file was altered, or is another's");
}

bool sealed_read_begin(struct sealed *s, uint64_t at, uint64_t n, struct str owner, struct err *e)
{
    unsigned char head[HEAD];
    if (!begin(&s->in, at, n, owner, e) || !read_at(s, at, head, sizeof head, e))
        return false;
    s->in.at += HEAD;
    return crypto_secretstream_xchacha20poly1305_init_pull(&s->secret->read, head,
                                                           s->secret->key) == 0 ||
           damaged(e);
}

static bool get_piece(struct sealed *s, struct err *e)
{
    struct record *r = &s->in;
    unsigned char tag = 0;
    size_t n = r->left < SEALED_PIECE ? (size_t)r->left : SEALED_PIECE;
    if (!read_at(s, r->at, s->sealed, n + SEAL, e))
        return false;
    if (crypto_secretstream_xchacha20poly1305_pull(&s->secret->read, s->secret->plain_in, NULL,
                                                   &tag, s->sealed, n + SEAL,
                                                   (unsigned char *)r->owner, r->n_owner) != 0)
        return damaged(e);
    r->at += n + SEAL;
    r->left -= n;
    r->n = n;
    r->done = 0;
    bool last = tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL;
    return last == (r->left == 0) || damaged(e);
}

bool sealed_read(struct sealed *s, void *p, size_t n, struct err *e)
{
    struct record *r = &s->in;
    unsigned char *to = p;
    while (n) {
        if (r->done == r->n && r->left == 0)
            return fail(e, ERR_INTERNAL, "a record is asked for more than it has");
        if (r->done == r->n && !get_piece(s, e))
            return false;
        size_t there = r->n - r->done, some = n < there ? n : there;
        memcpy(to, s->secret->plain_in + r->done, some);
        r->done += some;
        to += some;
        n -= some;
    }
    return true;
}
