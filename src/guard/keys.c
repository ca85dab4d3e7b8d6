/* SPDX-License-Identifier: Apache-2.0 */
/* guard/keys: see keys.h. */
#include "guard/keys.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/os.h"

#define START "moat_"

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
    return same && found && found->has_text ? found : NULL;
}

/* --- the others ----------------------------------------------------------------------------------
 */

const struct key *keys_by_subject(const struct keys *k, struct str subject)
{
    for (uint32_t i = 0; i < k->n && subject.n; i++)
        if (str_is(subject, k->v[i].terms.subject))
            return &k->v[i];
    return NULL;
}

const struct key *keys_by_id(const struct keys *k, const char *id)
{
    for (uint32_t i = 0; i < k->n; i++)
        if (strcmp(k->v[i].id, id) == 0)
            return &k->v[i];
    return NULL;
}

struct key *keys_find(const struct keys *k, struct str which)
{
    for (uint32_t i = 0; i < k->n; i++)
        if (str_is(which, k->v[i].id) || str_is(which, k->v[i].name))
            return &k->v[i];
    return NULL;
}

bool key_id_valid(const char *id)
{
    return strlen(id) == KEY_ID && is_digits(id, KEY_ID);
}

bool key_expired(const struct key *k, int64_t now)
{
    return k->terms.expires && now >= k->terms.expires;
}

uint32_t keys_valid(const struct keys *k, int64_t now)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < k->n; i++)
        n += !key_expired(&k->v[i], now);
    return n;
}

bool keys_have_operator(const struct keys *k)
{
    for (uint32_t i = 0; i < k->n; i++)
        if (k->v[i].terms.scopes & KEY_OPERATOR)
            return true;
    return false;
}

/* --- changes -------------------------------------------------------------------------------------
 */

bool keys_grow(struct keys *k, struct err *e)
{
    if (k->n == LIMIT_KEYS)
        return fail(e, ERR_LIMIT, "%u keys are the most; revoke those that nobody uses",
                    LIMIT_KEYS);
    return mem_grow(&k->v, k->n, &k->cap, sizeof *k->v, e);
}

static bool check_name(const struct keys *k, struct str name, char out[KEY_NAME], struct err *e)
{
    char copy[KEY_NAME] = "";
    bool fits = name.n > 0 && name.n < KEY_NAME && !memchr(name.p, '\0', name.n);
    if (fits)
        memcpy(copy, name.p, name.n);
    memcpy(out, copy, KEY_NAME);
    str_make_printable(copy);
    if (!fits || strcmp(copy, out) != 0)
        return fail(e, ERR_USAGE,
                    "a key's name says whose it is, in 1 to %d bytes without control characters",
                    KEY_NAME - 1);
    return !keys_find(k, name) ||
           fail(e, ERR_USAGE,
                "there is a key of the name \"%s\" already; choose another, or revoke "
                "that one first",
                out);
}

static bool make_id(const struct keys *k, struct key *key, char text[KEY_TEXT + 1], struct err *e)
{
    do {
        if (!make_text(text, e))
            return false;
        memcpy(key->id, text + START_BYTES, KEY_ID);
    } while (keys_find(k, str_of(key->id)));
    return true;
}

bool keys_add(struct keys *k, struct str name, const struct key_terms *terms,
              char text[KEY_TEXT + 1], struct err *e)
{
    struct key key = {.created = time(NULL), .has_text = !terms->subject[0], .terms = *terms};
    const struct key *same = keys_by_subject(k, str_of(terms->subject));
    if (same)
        return fail(e, ERR_USAGE, "the subject is that of the key \"%s\" already", same->name);
    if (!key_terms_check(terms, e) || !check_name(k, name, key.name, e) || !keys_grow(k, e) ||
        !make_id(k, &key, text, e))
        return false;
    if (!key.has_text)
        text[0] = '\0';
    else if (!hash_of(&(struct str){text, KEY_TEXT}, 1, &key.hash, e))
        return false;
    k->v[k->n++] = key;
    return true;
}

bool keys_remove(struct keys *k, struct str which, struct key *removed, struct err *e)
{
    struct key *found = keys_find(k, which);
    if (!found)
        return fail(e, ERR_NOT_FOUND, "there is no key \"%.*s\"; moat key list shows them",
                    STR_ARG(which));
    *removed = *found;
    *found = k->v[--k->n];
    return true;
}
