/* SPDX-License-Identifier: Apache-2.0 */
/* guard/policy: the one that counts here, and who must have signed it; see policy.h. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/os.h"
#include "guard/policy.h"

#define TRUST_FILE  "trust.json"
#define POLICY_FILE "policy.json"

enum { PATH = 4096, TRUST_BYTES = 1 << 16, CLOCK_STEP_S = 600 };

struct trust {
    struct sign_key key[SIGN_SIGNERS];
    uint32_t n, needed;
    uint64_t seen;
    int64_t clock;
};

static bool path_in(const char *dir, const char *file, char out[PATH], struct err *e)
{
    return snprintf(out, PATH, "%s/%s", dir, file) < PATH ||
           fail(e, ERR_USAGE, "path is too long: %s", dir);
}

/* --- who is trusted ------------------------------------------------------------------------------
 */

static bool parse_trust(struct trust *t, const json_t *j, struct err *e)
{
    json_int_t seen = json_integer_value(json_object_get(j, "seen"));
    *t = (struct trust){.seen = (uint64_t)seen,
                        .clock = json_integer_value(json_object_get(j, "clock"))};
    return (seen >= 1 && sign_quorum_read(t->key, &t->n, &t->needed, j, e)) ||
           fail(e, ERR_DENIED, "it does not say whose signatures a policy needs");
}

/* A file that others may write decides nothing. */
static bool read_trust(struct trust *t, const char *path, struct err *e)
{
    struct os_map map;
    if (!os_map_open_own(&map, path, e))
        return false;
    json_t *j = map.n <= TRUST_BYTES ? json_parse((struct str){(const char *)map.p, map.n}, path, e)
                                     : (fail(e, ERR_DENIED, "%s is too large", path), NULL);
    bool ok = j && (parse_trust(t, j, e) || err_at(e, "%s", path));
    json_decref(j);
    os_map_close(&map);
    return ok;
}

static bool write_trust(const struct trust *t, const char *path, struct err *e)
{
    char key[SIGN_TEXT];
    json_t *keys = json_array();
    for (uint32_t i = 0; i < t->n; i++) {
        sign_key_text(&t->key[i], key);
        json_array_append_new(keys, json_string(key));
    }
    json_t *j = json_pack("{s:o, s:I, s:I, s:I}", "keys", keys, "needed", (json_int_t)t->needed,
                          "seen", (json_int_t)t->seen, "clock", (json_int_t)t->clock);
    bool ok = json_write_file(j, path, TRUST_BYTES, 0644, e);
    json_decref(j);
    return ok;
}

/* --- what counts ---------------------------------------------------------------------------------
 */

/* Signatures first, then what it says. */
static bool read_policy(struct policy *p, const char *path, const struct sign_trust *trust,
                        struct err *e)
{
    struct buf body;
    bool ok = sign_open(path, SIGN_POLICY, POLICY_BYTES, trust, &body, e) &&
              policy_parse(p, buf_view(&body), path, e);
    buf_clear(&body);
    return ok;
}

/* Where it cannot be written, what is known already holds. */
static void remember_clock(struct trust *t, const char *path, int64_t now)
{
    struct err ignored;
    if (now < t->clock + CLOCK_STEP_S)
        return;
    t->clock = now;
    (void)!write_trust(t, path, &ignored);
}

static bool load(struct policy *p, const char *dir, const char *trust_path, int64_t *now,
                 struct err *e)
{
    struct trust t;
    char path[PATH];
    if (!read_trust(&t, trust_path, e) || !path_in(dir, POLICY_FILE, path, e) ||
        !read_policy(p, path, &(struct sign_trust){t.key, t.n, t.needed}, e))
        return false;
    *now = (int64_t)time(NULL) > t.clock ? (int64_t)time(NULL) : t.clock;
    if (!sign_terms_check(&p->terms, t.seen, *now, "the policy", e))
        return false;
    remember_clock(&t, trust_path, *now);
    return true;
}

bool policy_load(struct policy *p, const char *dir, bool required, bool *enforced, int64_t *now,
                 struct err *e)
{
    char path[PATH], trust[PATH];
    struct stat st;
    *p = (struct policy){0};
    if (!path_in(dir, TRUST_FILE, trust, e) || !path_in(dir, POLICY_FILE, path, e))
        return false;
    bool there = lstat(trust, &st) == 0 || lstat(path, &st) == 0; /* half of one is one */
    *enforced = there || required;
    if (!there && required)
        return fail(e, ERR_DENIED,
                    "require_policy is set, and no policy is installed; moat policy install FILE "
                    "--key KEY installs one");
    if (!there || load(p, dir, trust, now, e))
        return true;
    e->code = ERR_DENIED;
    return err_at(e, "no model may run here");
}

/* --- a new one -----------------------------------------------------------------------------------
 */

static bool copy_file(const char *from, const char *to, size_t max, struct err *e)
{
    struct os_atomic_file f = {.fd = -1};
    struct buf text;
    buf_init(&text, max);
    bool ok = buf_read_file(&text, from, e) && os_atomic_open(&f, to, e) &&
              os_atomic_write(&f, text.p, text.n, e) && os_atomic_commit(&f, e);
    os_atomic_close(&f);
    buf_clear(&text);
    return ok;
}

/* (I1) A death between any two steps leaves a pair that does not hold, which lets nothing run; the
 * same command then mends it. The keys of the new policy count only when it is there. */
static bool place(const char *path, const char *dir, struct trust *t, const struct policy *p,
                  struct err *e)
{
    char from[PATH], to[PATH], trust[PATH];
    if (!os_mkdirs(dir, e) || !path_in(dir, TRUST_FILE, trust, e) ||
        !path_in(dir, POLICY_FILE, to, e) || !copy_file(path, to, POLICY_BYTES, e))
        return false;
    if (snprintf(from, PATH, "%s" SIGN_SUFFIX, path) >= PATH ||
        !path_in(dir, POLICY_FILE SIGN_SUFFIX, to, e) || !copy_file(from, to, SIGN_FILE, e))
        return false;
    memcpy(t->key, p->key, sizeof t->key);
    t->n = p->n_key;
    t->needed = p->needed;
    t->seen = p->terms.version;
    return write_trust(t, trust, e);
}

/* The keys it names must be able to sign the next one, and to check this one. */
static bool signed_by_own(const char *path, const struct policy *p, struct err *e)
{
    struct buf body;
    bool ok = sign_open(path, SIGN_POLICY, POLICY_BYTES,
                        &(struct sign_trust){p->key, p->n_key, p->needed}, &body, e);
    buf_clear(&body);
    return ok || err_at(e, "by the keys it names itself");
}

bool policy_install(const char *path, const char *dir, const struct sign_trust *first,
                    struct policy *p, struct err *e)
{
    struct trust t = {0};
    struct stat st;
    char trust[PATH];
    int64_t now = (int64_t)time(NULL);
    *p = (struct policy){0};
    if (!path_in(dir, TRUST_FILE, trust, e))
        return false;
    bool there = lstat(trust, &st) == 0;
    if (there && !read_trust(&t, trust, e))
        return false;
    if (!there && first->n == 0)
        return fail(e, ERR_USAGE,
                    "the first policy of a machine needs --key: the keys that must have signed it, "
                    "as you know them from somewhere else");
    struct sign_trust trusted = there ? (struct sign_trust){t.key, t.n, t.needed} : *first;
    if (!read_policy(p, path, &trusted, e) || !signed_by_own(path, p, e))
        return false;
    now = now > t.clock ? now : t.clock;
    t.clock = now;
    return sign_terms_check(&p->terms, t.seen, now, "the policy", e) && place(path, dir, &t, p, e);
}
