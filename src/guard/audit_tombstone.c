/* SPDX-License-Identifier: Apache-2.0 */
/* guard/audit_tombstone: old segments are removed by two people, and what they were together stays
 * (docs/AUDIT-FORMAT.md, section 8); see audit_verify.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/os.h"
#include "guard/audit.h"
#include "guard/audit_private.h"
#include "guard/audit_verify.h"

#define TOMBSTONE_BYTES (16u << 10)
#define DAY_NS          86400000000000ull

static bool root_hex(const struct audit_segment *next, char root[2 * HASH_BYTES + 1], struct err *e)
{
    struct audit_chain c;
    struct hash h;
    audit_segment_chain(next, &c);
    if (!audit_chain_root(&c, &h, e))
        return false;
    hash_hex(&h, root);
    return true;
}

/* What the segments before this one were together; NULL: *e. */
static json_t *tombstone_json(const struct audit_segment *next, struct err *e)
{
    char log[2 * HASH_BYTES + 1], root[2 * HASH_BYTES + 1], key[2 * AUDIT_KEY + 1];
    if (!root_hex(next, root, e))
        return NULL;
    hash_hex(&next->log, log);
    sodium_bin2hex(key, sizeof key, next->key, AUDIT_KEY);
    json_t *j =
        json_pack("{ss sI sI sI ss sI ss}", "log", log, "segments", (json_int_t)next->number - 1,
                  "leaves", (json_int_t)next->leaves, "records", (json_int_t)next->records, "root",
                  root, "epoch", (json_int_t)next->epoch, "key", key);
    if (!j)
        fail(e, ERR_LIMIT, "out of memory");
    return j;
}

static void tombstone_path(char out[4096], const char *dir, uint32_t last)
{
    audit_segment_path(out, dir, last, "gone");
}

/* --- checking ------------------------------------------------------------------------------------
 */

static bool says_the_same(const struct audit_segment *next, struct str text, const char *path,
                          struct err *e)
{
    json_t *is = json_parse(text, path, e), *wanted = is ? tombstone_json(next, e) : NULL;
    bool ok = wanted != NULL;
    const char *name;
    json_t *value;
    json_object_foreach(wanted, name, value)
    {
        if (ok && !json_equal(value, json_object_get(is, name)))
            ok = fail(e, ERR_CORRUPT, "%s is not of the segments before segment %u: %s differs",
                      path, next->number, name);
    }
    json_decref(wanted);
    json_decref(is);
    return ok;
}

bool audit_tombstone_check(const char *dir, const struct audit_segment *next,
                           const struct sign_key *removers, uint32_t n, struct err *e)
{
    char path[4096];
    struct buf text;
    const struct sign_trust trust = {removers, n, 2};
    tombstone_path(path, dir, next->number - 1);
    if (access(path, F_OK) != 0)
        return fail(e, ERR_CORRUPT,
                    "segments 1 to %u of the audit log are gone, and no tombstone says who removed "
                    "them",
                    next->number - 1);
    bool ok = sign_open(path, SIGN_TOMBSTONE, TOMBSTONE_BYTES, &trust, &text, e) &&
              says_the_same(next, buf_view(&text), path, e);
    buf_clear(&text);
    return ok;
}

/* --- removing ------------------------------------------------------------------------------------
 */

/* The frame of a segment, alone. */
static bool read_head(const char *dir, uint32_t number, struct buf *file, struct audit_segment *s,
                      struct err *e)
{
    char path[4096];
    struct audit_frame f;
    audit_segment_path(path, dir, number, "log");
    buf_init(file, AUDIT_SEGMENT_MOST);
    if (!buf_read_file(file, path, e))
        return false;
    return (audit_frame_take(buf_view(file), &f) && f.type == AUDIT_SEGMENT &&
            audit_get_segment(f.body, s)) ||
           fail(e, ERR_CORRUPT,
                "segment %u of the audit log does not begin as a segment that this "
                "version of moat knows",
                number);
}

static bool write_tombstone(const char *path, const struct audit_segment *next, const char *reason,
                            struct err *e)
{
    struct os_atomic_file f = {.fd = -1};
    struct buf text;
    json_t *j = tombstone_json(next, e);
    buf_init(&text, TOMBSTONE_BYTES);
    if (j) {
        json_object_set_new(j, "time", json_integer((json_int_t)audit_wall_ns()));
        json_object_set_new(j, "reason", json_string(reason));
    }
    bool ok = j && json_write(j, JSON_INDENT(1), &text, e) && os_atomic_open(&f, path, e) &&
              os_atomic_write(&f, text.p, text.n, e) && os_atomic_commit(&f, e);
    os_atomic_close(&f);
    buf_clear(&text);
    json_decref(j);
    return ok;
}

static bool is_remover(const struct audit_settings *s, const struct sign_key *k)
{
    for (uint32_t i = 0; i < s->n_removers; i++)
        if (memcmp(s->removers[i].b, k->b, SIGN_PUBLIC) == 0)
            return true;
    return false;
}

static uint32_t remove_to(const char *dir, uint32_t first, uint32_t last)
{
    char path[4096];
    uint32_t n = 0;
    for (uint32_t i = first; i <= last; i++) {
        audit_segment_path(path, dir, i, "log");
        n += unlink(path) == 0;
    }
    for (uint32_t i = 1; i < last; i++) { /* the newer one says it all */
        tombstone_path(path, dir, i);
        if (unlink(path) == 0) {
            audit_segment_path(path, dir, i, "gone" SIGN_SUFFIX);
            unlink(path);
        }
    }
    return n;
}

static bool may_go(const struct audit_segment *next, const struct audit_settings *s, struct err *e)
{
    uint64_t now = audit_wall_ns(), age = now > next->time ? now - next->time : 0;
    if (age >= s->keep_days * DAY_NS)
        return true;
    return fail(e, ERR_DENIED, "segment %u of the audit log ended %llu days ago; it is kept for %u",
                next->number - 1, (unsigned long long)(age / DAY_NS), s->keep_days);
}

bool audit_tombstone_sign(const char *dir, uint32_t last, const char *reason,
                          const struct sign_secret *key, uint32_t *removed, struct err *e)
{
    char path[4096];
    uint32_t first, newest;
    struct buf file, text;
    struct audit_segment next;
    struct audit_settings s;
    struct err why;
    *removed = 0;
    if (!audit_segment_range(dir, &first, &newest, e))
        return false;
    if (last < first || last >= newest)
        return fail(e, ERR_USAGE, "segments %u to %u can be removed, not %u", first, newest - 1,
                    last);
    tombstone_path(path, dir, last);
    bool ok = read_head(dir, last + 1, &file, &next, e);
    if (ok && !audit_settings_from_segment(&s, next.settings))
        ok = fail(e, ERR_CORRUPT, "segment %u of the audit log has no settings", last + 1);
    ok = ok && may_go(&next, &s, e);
    if (ok && !is_remover(&s, &key->key))
        ok = fail(e, ERR_DENIED, "key %s is not one that may remove segments of this audit log",
                  key->key.id);
    ok = ok && (access(path, F_OK) == 0 || write_tombstone(path, &next, reason, e)) &&
         sign_file(path, SIGN_TOMBSTONE, TOMBSTONE_BYTES, key, e);
    const struct sign_trust trust = {s.removers, s.n_removers, 2};
    if (ok) {
        if (sign_open(path, SIGN_TOMBSTONE, TOMBSTONE_BYTES, &trust, &text, &why) &&
            says_the_same(&next, buf_view(&text), path, &why))
            *removed = remove_to(dir, first, last);
        buf_clear(&text);
    }
    buf_clear(&file);
    return ok;
}
