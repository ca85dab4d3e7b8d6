/* SPDX-License-Identifier: Apache-2.0 */
/* guard/sign_key: keys that sign, as text and in files; see sign.h. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/os.h"
#include "guard/sign.h"

#define PUBLIC_WORD  "ed25519:"
#define SECRET_WORD  "ed25519-secret:"
#define BASE64       sodium_base64_VARIANT_ORIGINAL
#define BASE64_BYTES 45 /* of 32 bytes, with the NUL */

static bool ready(struct err *e)
{
    return sodium_init() >= 0 || fail(e, ERR_INTERNAL, "libsodium does not start");
}

static bool set_id(struct sign_key *k, struct err *e)
{
    struct hash h;
    if (!hash_of(&(struct str){(const char *)k->b, SIGN_PUBLIC}, 1, &h, e))
        return false;
    for (size_t i = 0; i < SIGN_ID / 2; i++)
        snprintf(k->id + 2 * i, 3, "%02x", h.b[i]);
    return true;
}

static bool set_name(struct sign_key *k, struct str name, struct err *e)
{
    name = str_trim(name);
    if (name.n >= SIGN_NAME)
        return fail(e, ERR_USAGE, "the name of a key has at most %d bytes", SIGN_NAME - 1);
    if (name.n)
        memcpy(k->name, name.p, name.n);
    k->name[name.n] = '\0';
    str_make_printable(k->name);
    return true;
}

void sign_secret_clear(struct sign_secret *s)
{
    sodium_memzero(s, sizeof *s);
}

/* The key pair that a seed makes. */
static bool from_seed(struct sign_secret *s, const uint8_t seed[32], struct err *e)
{
    crypto_sign_seed_keypair(s->key.b, s->b, seed);
    return set_id(&s->key, e);
}

bool sign_secret_make(struct sign_secret *s, struct str name, struct err *e)
{
    uint8_t seed[32];
    *s = (struct sign_secret){0};
    bool ok = ready(e) && set_name(&s->key, name, e) && os_random(seed, sizeof seed, e) &&
              from_seed(s, seed, e);
    sodium_memzero(seed, sizeof seed);
    return ok;
}

/* --- text ----------------------------------------------------------------------------------- */

/* "WORD" BASE64 [NAME]: 32 bytes and the name. */
static bool parse(struct str text, struct str word, uint8_t out[32], struct str *name)
{
    size_t n = 0;
    const char *end;
    text = str_trim(text);
    if (!str_starts(text, word))
        return false;
    text = str_from(text, word.n);
    if (sodium_base642bin(out, 32, text.p, text.n, NULL, &n, &end, BASE64) != 0 || n != 32)
        return false;
    *name = str_from(text, (size_t)(end - text.p));
    return (name->n == 0 || name->p[0] == ' ' || name->p[0] == '\t') &&
           !(name->n && memchr(name->p, '\n', name->n));
}

/* A point that no honest key has, with which one signature fits many texts. */
static bool is_weak(const uint8_t b[SIGN_PUBLIC])
{
    uint8_t other[crypto_scalarmult_curve25519_BYTES];
    return crypto_sign_ed25519_pk_to_curve25519(other, b) != 0;
}

bool sign_key_parse(struct sign_key *k, struct str text, struct err *e)
{
    struct str name;
    *k = (struct sign_key){0};
    if (!ready(e))
        return false;
    if (!parse(text, STR(PUBLIC_WORD), k->b, &name) || is_weak(k->b))
        return fail(e, ERR_USAGE, "this is no public key: one line \"%s...\" is wanted",
                    PUBLIC_WORD);
    return set_name(k, name, e) && set_id(k, e);
}

static void print(const char *word, const uint8_t b[32], const char *name, char out[SIGN_TEXT])
{
    char text[BASE64_BYTES];
    sodium_bin2base64(text, sizeof text, b, 32, BASE64);
    snprintf(out, SIGN_TEXT, "%s%s%s%s", word, text, *name ? " " : "", name);
    sodium_memzero(text, sizeof text);
}

void sign_key_text(const struct sign_key *k, char out[SIGN_TEXT])
{
    print(PUBLIC_WORD, k->b, k->name, out);
}

/* --- files ---------------------------------------------------------------------------------- */

bool sign_key_given(struct sign_key *k, const char *text_or_file, struct err *e)
{
    struct buf text;
    if (str_starts(str_of(text_or_file), STR(PUBLIC_WORD)))
        return sign_key_parse(k, str_of(text_or_file), e);
    buf_init(&text, SIGN_FILE);
    bool ok = buf_read_file(&text, text_or_file, e) &&
              (sign_key_parse(k, buf_view(&text), e) || err_at(e, "%s", text_or_file));
    buf_clear(&text);
    return ok;
}

/* What others may read is no secret. */
static bool is_private(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && (st.st_mode & 077) == 0;
}

bool sign_keys_read(struct sign_key key[SIGN_SIGNERS], uint32_t *n, const json_t *list,
                    struct err *e)
{
    size_t size = json_array_size(list);
    *n = 0;
    if (!json_is_array(list) || size > SIGN_SIGNERS)
        return fail(e, ERR_CORRUPT, "\"keys\" must be a list of at most %d keys", SIGN_SIGNERS);
    for (; *n < size; ++*n)
        if (!sign_key_parse(&key[*n], str_of(json_string_value(json_array_get(list, *n))), e)) {
            e->code = ERR_CORRUPT;
            return err_at(e, "key %u", *n + 1);
        }
    return true;
}

bool sign_secret_read(struct sign_secret *s, const char *path, struct err *e)
{
    struct os_map m;
    struct str name;
    uint8_t seed[32];
    *s = (struct sign_secret){0};
    if (!ready(e) || !os_map_open_own(&m, path, e))
        return false;
    struct str text = {(const char *)m.p, m.n < SIGN_FILE ? m.n : 0};
    bool ok = is_private(m.fd);
    if (!ok)
        fail(e, ERR_DENIED, "%s may be read by others: a secret key wants chmod 600, or a new key",
             path);
    else if (!(ok = parse(text, STR(SECRET_WORD), seed, &name)))
        fail(e, ERR_USAGE, "%s holds no secret key: one line \"%s...\" is wanted", path,
             SECRET_WORD);
    ok = ok && set_name(&s->key, name, e) && from_seed(s, seed, e);
    sodium_memzero(seed, sizeof seed);
    os_map_close(&m);
    return ok;
}

static bool write_new(const char *path, const char *text, unsigned mode, struct err *e)
{
    struct os_atomic_file f = {.fd = -1};
    struct stat st;
    if (lstat(path, &st) == 0)
        return fail(e, ERR_USAGE, "%s is there already; a key is never overwritten", path);
    bool ok = os_atomic_open(&f, path, e);
    f.mode = mode;
    ok = ok && os_atomic_write(&f, text, strlen(text), e) && os_atomic_write(&f, "\n", 1, e) &&
         os_atomic_commit(&f, e);
    os_atomic_close(&f);
    return ok;
}

bool sign_secret_write(const struct sign_secret *s, const char *path, struct err *e)
{
    char public_path[4096], text[SIGN_TEXT];
    struct stat st;
    if (snprintf(public_path, sizeof public_path, "%s.pub", path) >= (int)sizeof public_path)
        return fail(e, ERR_USAGE, "path is too long: %s", path);
    if (lstat(public_path, &st) == 0)
        return fail(e, ERR_USAGE, "%s is there already; a key is never overwritten", public_path);
    print(SECRET_WORD, s->b, s->key.name, text);
    bool ok = write_new(path, text, 0600, e);
    sign_key_text(&s->key, text);
    ok = ok && write_new(public_path, text, 0644, e);
    sodium_memzero(text, sizeof text);
    return ok;
}
