/* SPDX-License-Identifier: Apache-2.0 */
/* guard/audit_key: see audit_key.h. Bech32 is BIP 173. */
#include "guard/audit_key.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/json.h"
#include "base/os.h"

#define PUBLIC_PREFIX "age"
#define SECRET_PREFIX "AGE-SECRET-KEY-"
#define KEY_FILE      4096u

enum { GROUPS = 52, CHECK = 6 }; /* of five bits: 32 bytes, the sum */

/* --- Bech32 --------------------------------------------------------------------------------------
 */

static const char letters[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

static uint32_t sum_step(uint32_t sum, uint8_t value)
{
    static const uint32_t generator[] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                         0x2a1462b3};
    uint8_t top = (uint8_t)(sum >> 25);
    sum = (sum & 0x1ffffff) << 5 ^ value;
    for (unsigned i = 0; i < 5; i++)
        if (top >> i & 1)
            sum ^= generator[i];
    return sum;
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

/* Of the prefix (in lower case), then of the groups. */
static uint32_t sum_of(const char *prefix, const uint8_t *groups, size_t n)
{
    uint32_t sum = 1;
    for (const char *p = prefix; *p; p++)
        sum = sum_step(sum, (uint8_t)(lower(*p) >> 5));
    sum = sum_step(sum, 0);
    for (const char *p = prefix; *p; p++)
        sum = sum_step(sum, (uint8_t)(lower(*p) & 31));
    for (size_t i = 0; i < n; i++)
        sum = sum_step(sum, groups[i]);
    return sum;
}

static void print_key(const char *prefix, const uint8_t key[AUDIT_KEY], char out[AUDIT_KEY_TEXT])
{
    uint8_t groups[GROUPS + CHECK] = {0};
    for (unsigned bit = 0; bit < AUDIT_KEY * 8; bit++)
        if (key[bit / 8] >> (7 - bit % 8) & 1)
            groups[bit / 5] |= (uint8_t)(16 >> bit % 5);
    uint32_t sum = sum_of(prefix, groups, sizeof groups) ^ 1;
    for (unsigned i = 0; i < CHECK; i++)
        groups[GROUPS + i] = (uint8_t)(sum >> 5 * (CHECK - 1 - i) & 31);
    size_t n = strlen(prefix);
    bool upper = prefix[0] == 'A';
    memcpy(out, prefix, n);
    out[n++] = '1';
    for (size_t i = 0; i < sizeof groups; i++) {
        char c = letters[groups[i]];
        out[n++] = (char)(upper && c >= 'a' ? c & ~0x20 : c);
    }
    out[n] = '\0';
    sodium_memzero(groups, sizeof groups);
}

static bool parse_key(const char *prefix, struct str text, uint8_t key[AUDIT_KEY])
{
    uint8_t groups[GROUPS + CHECK];
    size_t n = strlen(prefix);
    bool upper = prefix[0] == 'A';
    if (text.n != n + 1 + sizeof groups || memcmp(text.p, prefix, n) != 0 || text.p[n] != '1')
        return false;
    for (size_t i = 0; i < sizeof groups; i++) {
        char c = text.p[n + 1 + i];
        const char *at = c && (upper || c == lower(c)) && (!upper || !(c >= 'a' && c <= 'z'))
                             ? strchr(letters, lower(c))
                             : NULL;
        if (!at)
            return false;
        groups[i] = (uint8_t)(at - letters);
    }
    memset(key, 0, AUDIT_KEY);
    for (unsigned bit = 0; bit < AUDIT_KEY * 8; bit++)
        if (groups[bit / 5] & 16 >> bit % 5)
            key[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
    bool ok = sum_of(prefix, groups, sizeof groups) == 1 && (groups[GROUPS - 1] & 15) == 0;
    sodium_memzero(groups, sizeof groups);
    return ok;
}

/* --- auditors ------------------------------------------------------------------------------------
 */

bool audit_recipient_parse(struct str text, uint8_t key[AUDIT_KEY], struct err *e)
{
    static const uint8_t some[AUDIT_KEY] = {1};
    uint8_t shared[AUDIT_KEY];
    if (sodium_init() < 0)
        return fail(e, ERR_INTERNAL, "libsodium does not start");
    if (!parse_key(PUBLIC_PREFIX, str_trim(text), key))
        return fail(e, ERR_USAGE,
                    "\"%.*s\" is no public key of an auditor: one like age1... is wanted, as moat "
                    "audit keygen or age-keygen prints it",
                    STR_ARG(text));
    return crypto_scalarmult(shared, some, key) == 0 ||
           fail(e, ERR_USAGE, "the key of an auditor is none that can be encrypted to");
}

void audit_recipient_text(const uint8_t key[AUDIT_KEY], char out[AUDIT_KEY_TEXT])
{
    print_key(PUBLIC_PREFIX, key, out);
}

void audit_identity_clear(struct audit_identity *id)
{
    sodium_memzero(id, sizeof *id);
}

bool audit_identity_make(struct audit_identity *id, struct err *e)
{
    return os_random(id->secret, sizeof id->secret, e) &&
           (crypto_scalarmult_base(id->public, id->secret) == 0 ||
            fail(e, ERR_INTERNAL, "libsodium does not start"));
}

bool audit_identity_read(struct audit_identity *id, const char *path, struct err *e)
{
    struct buf text;
    struct str line, rest;
    bool found = false;
    buf_init(&text, KEY_FILE);
    if (!buf_read_file(&text, path, e)) {
        buf_clear(&text);
        return false;
    }
    rest = buf_view(&text);
    while (!found && str_cut(&rest, '\n', &line))
        found = parse_key(SECRET_PREFIX, str_trim(line), id->secret);
    if (text.p)
        sodium_memzero(text.p, text.n);
    buf_clear(&text);
    if (!found)
        return fail(e, ERR_USAGE,
                    "%s holds no key of an auditor: a line AGE-SECRET-KEY-1... is wanted, as moat "
                    "audit keygen or age-keygen writes it",
                    path);
    return crypto_scalarmult_base(id->public, id->secret) == 0;
}

bool audit_identity_write(const struct audit_identity *id, const char *path, struct err *e)
{
    char secret[AUDIT_KEY_TEXT], public[AUDIT_KEY_TEXT], text[4 * AUDIT_KEY_TEXT];
    struct os_atomic_file f = {.fd = -1};
    struct stat st;
    if (lstat(path, &st) == 0)
        return fail(e, ERR_USAGE, "%s is there already; a key is never overwritten", path);
    print_key(SECRET_PREFIX, id->secret, secret);
    audit_recipient_text(id->public, public);
    int n = snprintf(text, sizeof text, "# public key: %s\n%s\n", public, secret);
    bool ok = os_atomic_open(&f, path, e);
    f.mode = 0600;
    ok = ok && os_atomic_write(&f, text, (size_t)n, e) && os_atomic_commit(&f, e);
    os_atomic_close(&f);
    sodium_memzero(text, sizeof text);
    sodium_memzero(secret, sizeof secret);
    return ok;
}

/* --- the signer ----------------------------------------------------------------------------------
 */

static bool new_pair(uint8_t key[AUDIT_KEY], uint8_t secret[64], struct err *e)
{
    uint8_t seed[32];
    bool ok = os_random(seed, sizeof seed, e);
    if (ok)
        crypto_sign_seed_keypair(key, secret, seed);
    sodium_memzero(seed, sizeof seed);
    return ok;
}

bool audit_signer_make(struct audit_signer *s, struct err *e)
{
    *s = (struct audit_signer){.since = (uint64_t)time(NULL)};
    if (sodium_init() < 0)
        return fail(e, ERR_INTERNAL, "libsodium does not start");
    return new_pair(s->key, s->secret, e) && audit_log_id(s->key, &s->log, e);
}

bool audit_signer_next(struct audit_signer *s, struct err *e)
{
    s->has_next = new_pair(s->next_key, s->next_secret, e);
    return s->has_next;
}

void audit_signer_advance(struct audit_signer *s, uint64_t now_s)
{
    memcpy(s->secret, s->next_secret, sizeof s->secret);
    memcpy(s->key, s->next_key, sizeof s->key);
    sodium_memzero(s->next_secret, sizeof s->next_secret);
    s->has_next = false;
    s->epoch++;
    s->since = now_s;
}

void audit_signer_clear(struct audit_signer *s)
{
    sodium_memzero(s, sizeof *s);
}

static void hex_of(const uint8_t *p, size_t n, char *out)
{
    sodium_bin2hex(out, 2 * n + 1, p, n);
}

static bool from_hex(const json_t *j, const char *name, uint8_t *out, size_t n)
{
    const char *text = json_string_value(json_object_get(j, name));
    size_t got = 0;
    return text && strlen(text) == 2 * n &&
           sodium_hex2bin(out, n, text, 2 * n, NULL, &got, NULL) == 0 && got == n;
}

static bool pair_from(const json_t *j, const char *name, uint8_t secret[64], uint8_t key[32])
{
    uint8_t seed[32];
    bool ok = from_hex(j, name, seed, sizeof seed);
    if (ok)
        crypto_sign_seed_keypair(key, secret, seed);
    sodium_memzero(seed, sizeof seed);
    return ok;
}

bool audit_signer_read(struct audit_signer *s, const char *path, struct err *e)
{
    json_t *j = json_read_file(path, KEY_FILE, e);
    if (!j)
        return false;
    *s = (struct audit_signer){0};
    s->epoch = (uint64_t)json_integer_value(json_object_get(j, "epoch"));
    s->since = (uint64_t)json_integer_value(json_object_get(j, "since"));
    s->has_next = pair_from(j, "next", s->next_secret, s->next_key);
    bool ok = from_hex(j, "log", s->log.b, HASH_BYTES) && pair_from(j, "seed", s->secret, s->key);
    json_decref(j);
    return ok || fail(e, ERR_CORRUPT, "%s holds no key that signs an audit log", path);
}

bool audit_signer_write(const struct audit_signer *s, const char *path, struct err *e)
{
    char log[65], seed[65], next[65];
    struct os_atomic_file f = {.fd = -1};
    struct buf text;
    hex_of(s->log.b, HASH_BYTES, log);
    hex_of(s->secret, 32, seed);
    hex_of(s->next_secret, 32, next);
    buf_init(&text, KEY_FILE);
    buf_fmt(&text, "{\"log\":\"%s\",\"epoch\":%llu,\"since\":%llu,\"seed\":\"%s\"%s%s%s}\n", log,
            (unsigned long long)s->epoch, (unsigned long long)s->since, seed,
            s->has_next ? ",\"next\":\"" : "", s->has_next ? next : "", s->has_next ? "\"" : "");
    bool ok = buf_ok(&text, "JSON", e) && os_atomic_open(&f, path, e);
    f.mode = 0600;
    ok = ok && os_atomic_write(&f, text.p, text.n, e) && os_atomic_commit(&f, e);
    os_atomic_close(&f);
    if (text.p)
        sodium_memzero(text.p, text.n);
    buf_clear(&text);
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(next, sizeof next);
    return ok;
}
