/* SPDX-License-Identifier: Apache-2.0 */
/* guard/audit_frame: see audit_frame.h. */
#include "guard/audit_frame.h"

#include <string.h>

enum {
    SEGMENT_FIXED = 160,
    SESSION_FIXED = 42,
    SIGNED = AUDIT_CHECKPOINT_BYTES - AUDIT_SIGNATURE,
    MOST_PEAKS = 64
};

static const char sign_as[] = "moat audit checkpoint 1\n";
static const char log_as[] = "moat audit log 1\n";

/* --- numbers -------------------------------------------------------------------------------------
 */

static void put(struct buf *out, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        buf_byte(out, (char)(v >> (8 * i)));
}

static uint64_t get(struct str s, size_t at, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = bytes; i-- > 0;)
        v = v << 8 | (uint8_t)s.p[at + i];
    return v;
}

static void get_bytes(struct str s, size_t at, void *to, size_t n)
{
    memcpy(to, s.p + at, n);
}

/* --- frames --------------------------------------------------------------------------------------
 */

bool audit_frame_take(struct str bytes, struct audit_frame *f)
{
    if (bytes.n < AUDIT_FRAME_HEAD)
        return false;
    uint64_t n = get(bytes, 0, 4), type = get(bytes, 4, 1);
    if (n == 0 || n > AUDIT_FRAME_MOST || type < AUDIT_SEGMENT || type > AUDIT_CHECKPOINT ||
        get(bytes, 5, 3) != 0 || bytes.n - AUDIT_FRAME_HEAD < n)
        return false;
    *f = (struct audit_frame){.type = (enum audit_type)type,
                              .whole = str_sub(bytes, 0, AUDIT_FRAME_HEAD + n),
                              .body = str_sub(bytes, AUDIT_FRAME_HEAD, n)};
    return true;
}

static void put_head(struct buf *out, size_t n, enum audit_type type)
{
    put(out, n, 4);
    put(out, type, 4);
}

/* --- the tree ------------------------------------------------------------------------------------
 */

static bool join(const struct hash *left, const struct hash *right, struct hash *out, struct err *e)
{
    struct str parts[] = {
        STR("\1"), {(const char *)left->b, HASH_BYTES}, {(const char *)right->b, HASH_BYTES}};
    return hash_of(parts, 3, out, e);
}

bool audit_chain_add(struct audit_chain *c, struct str leaf, struct err *e)
{
    struct hash h;
    unsigned level = 0;
    bool ok = hash_leaf(leaf.p, leaf.n, &h, e);
    for (; ok && c->leaves >> level & 1; level++)
        ok = join(&c->whole[level], &h, &h, e);
    if (!ok)
        return false;
    c->whole[level] = h;
    c->leaves++;
    return true;
}

bool audit_chain_root(const struct audit_chain *c, struct hash *root, struct err *e)
{
    bool ok = c->leaves || hash_of(NULL, 0, root, e), any = false;
    for (unsigned level = 0; ok && level < 64; level++) {
        if (!(c->leaves >> level & 1))
            continue;
        if (any)
            ok = join(&c->whole[level], root, root, e);
        else
            *root = c->whole[level];
        any = true;
    }
    return ok;
}

bool audit_log_id(const uint8_t key[AUDIT_KEY], struct hash *id, struct err *e)
{
    return hash_of((struct str[]){STR(log_as), {(const char *)key, AUDIT_KEY}}, 2, id, e);
}

/* --- segment -------------------------------------------------------------------------------------
 */

static unsigned n_peaks(uint64_t leaves)
{
    return (unsigned)__builtin_popcountll(leaves);
}

void audit_put_segment(struct buf *out, const struct audit_chain *c, const struct audit_segment *s)
{
    put_head(out, SEGMENT_FIXED + n_peaks(c->leaves) * HASH_BYTES + s->settings.n, AUDIT_SEGMENT);
    buf_cstr(out, AUDIT_MAGIC);
    put(out, AUDIT_VERSION, 2);
    put(out, AUDIT_PROFILE, 2);
    put(out, s->number, 4);
    buf_add(out, c->log.b, HASH_BYTES);
    put(out, c->leaves, 8);
    put(out, c->records, 8);
    put(out, s->previous_end, 8);
    buf_add(out, s->previous_tail.b, HASH_BYTES);
    put(out, s->time, 8);
    put(out, c->epoch, 8);
    buf_add(out, c->key, AUDIT_KEY);
    put(out, s->settings.n, 8);
    for (unsigned level = MOST_PEAKS; level-- > 0;)
        if (c->leaves >> level & 1)
            buf_add(out, c->whole[level].b, HASH_BYTES);
    buf_str(out, s->settings);
}

bool audit_get_segment(struct str body, struct audit_segment *s)
{
    *s = (struct audit_segment){0};
    if (body.n < SEGMENT_FIXED || memcmp(body.p, AUDIT_MAGIC, 8) != 0 ||
        get(body, 8, 2) != AUDIT_VERSION || get(body, 10, 2) != AUDIT_PROFILE)
        return false;
    s->number = (uint32_t)get(body, 12, 4);
    get_bytes(body, 16, s->log.b, HASH_BYTES);
    s->leaves = get(body, 48, 8);
    s->records = get(body, 56, 8);
    s->previous_end = get(body, 64, 8);
    get_bytes(body, 72, s->previous_tail.b, HASH_BYTES);
    s->time = get(body, 104, 8);
    s->epoch = get(body, 112, 8);
    get_bytes(body, 120, s->key, AUDIT_KEY);
    size_t at = SEGMENT_FIXED, peaks = n_peaks(s->leaves) * (size_t)HASH_BYTES;
    if (body.n - at < peaks || body.n - at - peaks != get(body, 152, 8))
        return false;
    for (unsigned level = MOST_PEAKS; level-- > 0;)
        if (s->leaves >> level & 1) {
            get_bytes(body, at, s->whole[level].b, HASH_BYTES);
            at += HASH_BYTES;
        }
    s->settings = str_from(body, at);
    return true;
}

void audit_segment_chain(const struct audit_segment *s, struct audit_chain *c)
{
    *c = (struct audit_chain){.log = s->log,
                              .leaves = s->leaves,
                              .records = s->records,
                              .epoch = s->epoch,
                              .segment = s->number};
    memcpy(c->whole, s->whole, sizeof c->whole);
    memcpy(c->key, s->key, AUDIT_KEY);
}

/* --- session -------------------------------------------------------------------------------------
 */

void audit_recipient_id(const uint8_t key[AUDIT_KEY], uint8_t id[AUDIT_RECIPIENT_ID])
{
    uint8_t h[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(h, key, AUDIT_KEY); /* cannot fail: a wrong id would lock its auditor out */
    memcpy(id, h, AUDIT_RECIPIENT_ID);
}

bool audit_put_session(struct buf *out, uint64_t number, uint64_t continues,
                       const uint8_t (*auditors)[AUDIT_KEY], uint32_t n, audit_stream *stream,
                       struct err *e)
{
    uint8_t key[crypto_secretstream_xchacha20poly1305_KEYBYTES], header[AUDIT_HEADER];
    bool ok = true;
    crypto_secretstream_xchacha20poly1305_keygen(key);
    crypto_secretstream_xchacha20poly1305_init_push(stream, header, key);
    put_head(out, SESSION_FIXED + n * (size_t)(AUDIT_RECIPIENT_ID + AUDIT_SEALED), AUDIT_SESSION);
    put(out, number, 8);
    put(out, continues, 8);
    buf_add(out, header, sizeof header);
    put(out, n, 2);
    for (uint32_t i = 0; ok && i < n; i++) {
        uint8_t id[AUDIT_RECIPIENT_ID], sealed[AUDIT_SEALED];
        audit_recipient_id(auditors[i], id);
        ok = crypto_box_seal(sealed, key, sizeof key, auditors[i]) == 0;
        buf_add(out, id, sizeof id);
        buf_add(out, sealed, sizeof sealed);
    }
    sodium_memzero(key, sizeof key);
    return ok || fail(e, ERR_USAGE, "the key of an auditor is none that can be encrypted to");
}

bool audit_get_session(struct str body, struct audit_session *s)
{
    if (body.n < SESSION_FIXED)
        return false;
    *s = (struct audit_session){.number = get(body, 0, 8),
                                .continues = get(body, 8, 8),
                                .header = (const uint8_t *)body.p + 16,
                                .n = (uint32_t)get(body, 40, 2),
                                .keys = (const uint8_t *)body.p + SESSION_FIXED};
    return s->n > 0 && body.n - SESSION_FIXED == s->n * (size_t)(AUDIT_RECIPIENT_ID + AUDIT_SEALED);
}

/* --- record --------------------------------------------------------------------------------------
 */

void audit_put_record(struct buf *out, uint64_t number, uint64_t session, enum audit_kind kind,
                      audit_stream *stream, struct str text)
{
    size_t n = text.n + crypto_secretstream_xchacha20poly1305_ABYTES;
    put_head(out, AUDIT_RECORD_HEAD + n, AUDIT_RECORD);
    size_t head = out->n;
    put(out, number, 8);
    put(out, session, 8);
    put(out, kind, 8);
    size_t sealed = out->n;
    buf_str(out, text); /* makes room for it, and is overwritten */
    buf_add(out, (const char[crypto_secretstream_xchacha20poly1305_ABYTES]){0},
            crypto_secretstream_xchacha20poly1305_ABYTES);
    if (!out->bad)
        crypto_secretstream_xchacha20poly1305_push(
            stream, (unsigned char *)out->p + sealed, NULL, (const unsigned char *)text.p, text.n,
            (const unsigned char *)out->p + head, AUDIT_RECORD_HEAD,
            crypto_secretstream_xchacha20poly1305_TAG_REKEY);
}

bool audit_get_record(struct str body, struct audit_record *r)
{
    if (body.n < AUDIT_RECORD_HEAD + crypto_secretstream_xchacha20poly1305_ABYTES)
        return false;
    uint64_t kind = get(body, 16, 8);
    *r = (struct audit_record){.number = get(body, 0, 8),
                               .session = get(body, 8, 8),
                               .kind = (enum audit_kind)kind,
                               .head = str_sub(body, 0, AUDIT_RECORD_HEAD),
                               .sealed = str_from(body, AUDIT_RECORD_HEAD)};
    return kind >= AUDIT_OPEN && kind <= AUDIT_ACT;
}

/* --- checkpoint ----------------------------------------------------------------------------------
 */

static size_t signed_text(const struct hash *log, const char *body,
                          unsigned char out[sizeof sign_as - 1 + HASH_BYTES + SIGNED])
{
    memcpy(out, sign_as, sizeof sign_as - 1);
    memcpy(out + sizeof sign_as - 1, log->b, HASH_BYTES);
    memcpy(out + sizeof sign_as - 1 + HASH_BYTES, body, SIGNED);
    return sizeof sign_as - 1 + HASH_BYTES + SIGNED;
}

void audit_put_checkpoint(struct buf *out, const struct audit_checkpoint *p, const struct hash *log,
                          const uint8_t secret[64])
{
    unsigned char text[sizeof sign_as - 1 + HASH_BYTES + SIGNED], signature[AUDIT_SIGNATURE] = {0};
    put_head(out, AUDIT_CHECKPOINT_BYTES, AUDIT_CHECKPOINT);
    size_t at = out->n;
    buf_cstr(out, AUDIT_SIGN_MAGIC);
    put(out, p->epoch, 8);
    put(out, p->leaves, 8);
    put(out, p->records, 8);
    put(out, p->time, 8);
    put(out, p->mono, 8);
    put(out, p->segment, 4);
    put(out, p->flags, 4);
    buf_add(out, p->root.b, HASH_BYTES);
    buf_add(out, p->next, AUDIT_KEY);
    buf_add(out, p->boot, AUDIT_BOOT);
    if (!out->bad) {
        size_t n = signed_text(log, out->p + at, text);
        crypto_sign_detached(signature, NULL, text, n, secret);
    }
    buf_add(out, signature, sizeof signature);
}

bool audit_get_checkpoint(struct str body, struct audit_checkpoint *p)
{
    if (body.n != AUDIT_CHECKPOINT_BYTES || memcmp(body.p, AUDIT_SIGN_MAGIC, 8) != 0)
        return false;
    *p = (struct audit_checkpoint){.epoch = get(body, 8, 8),
                                   .leaves = get(body, 16, 8),
                                   .records = get(body, 24, 8),
                                   .time = get(body, 32, 8),
                                   .mono = get(body, 40, 8),
                                   .segment = (uint32_t)get(body, 48, 4),
                                   .flags = (uint32_t)get(body, 52, 4),
                                   .body = body};
    get_bytes(body, 56, p->root.b, HASH_BYTES);
    get_bytes(body, 88, p->next, AUDIT_KEY);
    get_bytes(body, 120, p->boot, AUDIT_BOOT);
    return p->flags <= (AUDIT_EPOCH_ENDS | AUDIT_SEGMENT_ENDS);
}

bool audit_checkpoint_signed(const struct audit_checkpoint *p, const struct hash *log,
                             const uint8_t key[AUDIT_KEY])
{
    unsigned char text[sizeof sign_as - 1 + HASH_BYTES + SIGNED];
    size_t n = signed_text(log, p->body.p, text);
    return crypto_sign_verify_detached((const unsigned char *)p->body.p + SIGNED, text, n, key) ==
           0;
}
