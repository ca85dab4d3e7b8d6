/* SPDX-License-Identifier: Apache-2.0 */
/* guard/keys: see keys.h. */
#include "guard/keys.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/os.h"

#define OPERATOR "operator"
#define START    "moat_"

enum {
    START_BYTES = sizeof START - 1,
    SECRET = 43, /* 62^43 > 2^256 */
    CHECK = 6,
    CHECKED = KEY_TEXT - CHECK - 1 /* what the check digits are of */
};

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
enum { BASE = sizeof digits - 1 };

void keys_clear(struct keys *k)
{
    mem_free(k->v);
    *k = (struct keys){0};
}

/* --- the text of a key ---------------------------------------------------------------------------
 */

static bool is_digits(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] == '\0' || !memchr(digits, p[i], BASE))
            return false;
    return true;
}

static bool random_digits(char *out, size_t n, struct err *e)
{
    for (size_t i = 0; i < n;) {
        unsigned char byte;
        if (!os_random(&byte, 1, e))
            return false;
        if (byte < 256 / BASE * BASE) /* else some digits would be likelier */
            out[i++] = digits[byte % BASE];
    }
    return true;
}

static bool check_digits(const char *text, char out[CHECK], struct err *e)
{
    struct hash h;
    if (!hash_of(&(struct str){text, CHECKED}, 1, &h, e))
        return false;
    uint64_t v = (uint64_t)h.b[0] << 24 | (uint64_t)h.b[1] << 16 | (uint64_t)h.b[2] << 8 | h.b[3];
    for (size_t i = CHECK; i-- > 0; v /= BASE)
        out[i] = digits[v % BASE];
    return true;
}

static bool make_text(char text[KEY_TEXT + 1], struct err *e)
{
    char *id = text + START_BYTES, *secret = id + KEY_ID + 1, *check = secret + SECRET + 1;
    memset(text, '_', KEY_TEXT);
    memcpy(text, START, START_BYTES);
    text[KEY_TEXT] = '\0';
    return random_digits(id, KEY_ID, e) && random_digits(secret, SECRET, e) &&
           check_digits(text, check, e);
}

/* Does it look like a key, with the right check digits? */
static bool is_key(struct str t)
{
    const char *id = t.p + START_BYTES;
    char check[CHECK];
    return t.n == KEY_TEXT && memcmp(t.p, START, START_BYTES) == 0 && is_digits(id, KEY_ID) &&
           id[KEY_ID] == '_' && is_digits(id + KEY_ID + 1, SECRET) && t.p[CHECKED] == '_' &&
           check_digits(t.p, check, NULL) && memcmp(check, t.p + CHECKED + 1, CHECK) == 0;
}

const struct key *keys_match(const struct keys *k, struct str text)
{
    static const struct hash none;
    const struct key *found = NULL;
    struct hash h;
    if (!is_key(text) || !hash_of(&text, 1, &h, NULL))
        return NULL;
    for (uint32_t i = 0; i < k->n; i++)
        if (memcmp(k->v[i].id, text.p + START_BYTES, KEY_ID) == 0)
            found = &k->v[i];
    bool same = CRYPTO_memcmp(found ? found->hash.b : none.b, h.b, HASH_BYTES) == 0;
    OPENSSL_cleanse(&h, sizeof h);
    return same ? found : NULL;
}

/* --- JSON ----------------------------------------------------------------------------------------
 */

static void hash_to_hex(const struct hash *h, char out[2 * HASH_BYTES + 1])
{
    for (size_t i = 0; i < HASH_BYTES; i++)
        snprintf(out + 2 * i, 3, "%02x", h->b[i]);
}

static bool hash_from_hex(const char *text, struct hash *h)
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < 2 * HASH_BYTES; i++) {
        const char *at = text && text[i] ? strchr(hex, text[i]) : NULL;
        if (!at)
            return false;
        h->b[i / 2] = (uint8_t)(h->b[i / 2] << 4 | (at - hex));
    }
    return text[2 * HASH_BYTES] == '\0';
}

json_t *keys_to_json(const struct keys *k)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < k->n; i++) {
        char hex[2 * HASH_BYTES + 1];
        hash_to_hex(&k->v[i].hash, hex);
        json_array_append_new(list,
                              json_pack("{ss ss ss sI ss*}", "id", k->v[i].id, "name", k->v[i].name,
                                        "sha256", hex, "created", (json_int_t)k->v[i].created,
                                        "role", k->v[i].is_operator ? OPERATOR : NULL));
    }
    return json_pack("{so}", "keys", list);
}

static bool name_is_good(const char *name)
{
    char copy[KEY_NAME];
    size_t n = strlen(name);
    if (n == 0 || n >= sizeof copy)
        return false;
    memcpy(copy, name, n + 1);
    str_make_printable(copy);
    return strcmp(copy, name) == 0;
}

static struct key *find(const struct keys *k, struct str which)
{
    for (uint32_t i = 0; i < k->n; i++)
        if (str_is(which, k->v[i].id) || str_is(which, k->v[i].name))
            return &k->v[i];
    return NULL;
}

/* Room for one more. */
static bool grow(struct keys *k, struct err *e)
{
    if (k->n == LIMIT_KEYS)
        return fail(e, ERR_LIMIT, "%u keys are the most; revoke those that nobody uses",
                    LIMIT_KEYS);
    return mem_grow(&k->v, k->n, &k->cap, sizeof *k->v, e);
}

static bool read_one(struct keys *k, const json_t *j, struct err *e)
{
    const char *id = json_string_value(json_object_get(j, "id"));
    const char *name = json_string_value(json_object_get(j, "name"));
    const char *sha256 = json_string_value(json_object_get(j, "sha256"));
    const char *role = json_string_value(json_object_get(j, "role"));
    struct key key = {.created = json_integer_value(json_object_get(j, "created")),
                      .is_operator = role && strcmp(role, OPERATOR) == 0};
    if (!id || (json_object_get(j, "role") && !key.is_operator) || strlen(id) != KEY_ID ||
        !is_digits(id, KEY_ID) || !name || !name_is_good(name) ||
        !hash_from_hex(sha256, &key.hash) || find(k, str_of(id)) || find(k, str_of(name)))
        return fail(e, ERR_CORRUPT,
                    "entry %u is no key; take the file from a backup, or remove it and make new "
                    "keys with moat key add",
                    k->n);
    if (!grow(k, e))
        return false;
    memcpy(key.id, id, KEY_ID + 1);
    memcpy(key.name, name, strlen(name) + 1);
    k->v[k->n++] = key;
    return true;
}

bool keys_from_json(struct keys *k, const json_t *j, struct err *e)
{
    const json_t *list = json_object_get(j, "keys");
    if (!json_is_array(list))
        return fail(e, ERR_CORRUPT, "is no list of keys");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!read_one(k, json_array_get(list, i), e)) {
            keys_clear(k);
            return false;
        }
    return true;
}

/* --- the file ------------------------------------------------------------------------------------
 */

bool keys_read(struct keys *k, const char *path, struct err *e)
{
    struct os_map m;
    *k = (struct keys){0};
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return true;
    if (!os_map_open_own(&m, path, e))
        return false;
    struct str text = {(const char *)m.p, m.n};
    json_t *j = m.n <= LIMIT_KEYS_BYTES
                    ? json_parse(text, path, e)
                    : (fail(e, ERR_LIMIT, "%s: is larger than a list of keys can be", path), NULL);
    bool ok = j && (keys_from_json(k, j, e) || err_at(e, "%s", path));
    json_decref(j);
    os_map_close(&m);
    return ok;
}

bool keys_write(const struct keys *k, const char *path, struct err *e)
{
    struct os_atomic_file f = {.fd = -1};
    struct buf text;
    json_t *j = keys_to_json(k);
    buf_init(&text, LIMIT_KEYS_BYTES);
    bool ok = j ? json_write(j, JSON_INDENT(1), &text, e) : fail(e, ERR_LIMIT, "out of memory");
    buf_byte(&text, '\n');
    ok = ok && buf_ok(&text, path, e) && os_atomic_open(&f, path, e);
    f.mode = 0600;
    ok = ok && os_atomic_write(&f, text.p, text.n, e) && os_atomic_commit(&f, e);
    os_atomic_close(&f);
    buf_clear(&text);
    json_decref(j);
    return ok;
}

/* --- changes -------------------------------------------------------------------------------------
 */

static bool check_name(const struct keys *k, struct str name, char out[KEY_NAME], struct err *e)
{
    if (name.n < KEY_NAME && !memchr(name.p, '\0', name.n)) {
        memcpy(out, name.p, name.n);
        out[name.n] = '\0';
    }
    if (!name_is_good(out))
        return fail(e, ERR_USAGE,
                    "a key's name says whose it is, in 1 to %d bytes without control characters",
                    KEY_NAME - 1);
    return !find(k, name) ||
           fail(e, ERR_USAGE,
                "there is a key of the name \"%s\" already; choose another, or revoke "
                "that one first",
                out);
}

bool keys_have_operator(const struct keys *k)
{
    for (uint32_t i = 0; i < k->n; i++)
        if (k->v[i].is_operator)
            return true;
    return false;
}

bool keys_add(struct keys *k, struct str name, bool is_operator, char text[KEY_TEXT + 1],
              struct err *e)
{
    struct key key = {.created = time(NULL), .is_operator = is_operator};
    if (!check_name(k, name, key.name, e) || !grow(k, e))
        return false;
    do {
        if (!make_text(text, e))
            return false;
        memcpy(key.id, text + START_BYTES, KEY_ID);
    } while (find(k, str_of(key.id)));
    if (!hash_of(&(struct str){text, KEY_TEXT}, 1, &key.hash, e))
        return false;
    k->v[k->n++] = key;
    return true;
}

bool keys_remove(struct keys *k, struct str which, struct key *removed, struct err *e)
{
    struct key *found = find(k, which);
    if (!found)
        return fail(e, ERR_NOT_FOUND, "there is no key \"%.*s\"; moat key list shows them",
                    STR_ARG(which));
    *removed = *found;
    *found = k->v[--k->n];
    return true;
}
