/* SPDX-License-Identifier: Apache-2.0 */
/* serve/access: see access.h. */
#include "serve/access.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "store/admit.h"

/* --- reading ------------------------------------------------------------------------------------
 */

static void wipe(struct buf *b)
{
    if (b->p)
        OPENSSL_cleanse(b->p, b->cap);
    buf_clear(b);
}

void access_clear(struct access *a)
{
    keys_clear(&a->keys);
    key_usages_clear(&a->used);
    buf_clear(&a->certificate);
    buf_clear(&a->client_ca);
    wipe(&a->private_key);
}

static bool path_of(const char *file, char path[STORE_PATH], struct err *e)
{
    struct store s;
    return store_open(&s, false, e) && store_path(&s, path, "%s", file);
}

/* Counts only: one that cannot be read is begun anew when something is added to it. */
static void load_used(struct access *a)
{
    char path[STORE_PATH];
    key_usages_clear(&a->used);
    if (path_of(KEY_USAGE_FILE, path, NULL))
        (void)!key_usages_read(&a->used, path, NULL);
}

static struct os_file_id which_file(const char *path)
{
    struct os_file_id id = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0) {
        (void)!os_file_id(fd, &id, NULL);
        close(fd);
    }
    return id;
}

bool access_load_keys(struct access *a, struct err *e)
{
    char path[STORE_PATH];
    struct keys fresh;
    if (!path_of(KEYS_FILE, path, e))
        return false;
    a->keys_file = which_file(path); /* before it is read: a change meanwhile is seen next time */
    if (!keys_read(&fresh, path, e))
        return false;
    keys_clear(&a->keys);
    a->keys = fresh;
    load_used(a);
    return true;
}

bool access_keys_changed(const struct access *a)
{
    char path[STORE_PATH];
    if (!path_of(KEYS_FILE, path, NULL))
        return false;
    struct os_file_id now = which_file(path), then = a->keys_file;
    return now.inode != then.inode || now.device != then.device || now.bytes != then.bytes ||
           now.mtime_ns != then.mtime_ns || now.ctime_ns != then.ctime_ns;
}

/* A private key that everybody can read is none. */
static bool check_mode(const char *path, struct err *e)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return os_fail_open(path, e);
    return !(st.st_mode & (S_IROTH | S_IWOTH | S_IWGRP)) ||
           fail(e, ERR_DENIED,
                "%s: every user of this machine can read this private key, or others can change "
                "it; run chmod 600 on it, and have it replaced if they did",
                path);
}

static bool read_pem(struct access *a, const struct config *c, struct err *e)
{
    buf_init(&a->certificate, LIMIT_PEM_BYTES);
    buf_init(&a->private_key, LIMIT_PEM_BYTES);
    if (!c->tls_certificate[0] && !c->tls_key[0])
        return true;
    if (!c->tls_key[0])
        return fail(e, ERR_USAGE, "tls_certificate is set and tls_key is not; set both");
    if (!c->tls_certificate[0])
        return fail(e, ERR_USAGE, "tls_key is set and tls_certificate is not; set both");
    return buf_read_file(&a->certificate, c->tls_certificate, e) && check_mode(c->tls_key, e) &&
           buf_read_file(&a->private_key, c->tls_key, e);
}

static bool read_client_ca(struct access *a, const struct config *c, struct err *e)
{
    buf_init(&a->client_ca, LIMIT_PEM_BYTES);
    if (!c->tls_client_ca[0])
        return !c->require_client_certificate ||
               fail(e, ERR_USAGE,
                    "require_client_certificate is set and tls_client_ca is not: set it to the "
                    "file of the authority that signs clients' certificates");
    if (!c->tls_certificate[0])
        return fail(e, ERR_USAGE,
                    "tls_client_ca is set and tls_certificate is not: clients show certificates "
                    "only over TLS");
    return buf_read_file(&a->client_ca, c->tls_client_ca, e) &&
           (a->client_ca.n > 0 || fail(e, ERR_CORRUPT, "%s: is empty", c->tls_client_ca));
}

struct tls_server *access_tls(const struct access *a, const struct config *c, struct err *e)
{
    if (a->certificate.n == 0)
        return NULL;
    const struct tls_files f = {
        .certificate = buf_view(&a->certificate),
        .certificate_path = c->tls_certificate,
        .key = buf_view(&a->private_key),
        .key_path = c->tls_key,
        .client_ca = buf_view(&a->client_ca),
        .client_ca_path = c->tls_client_ca,
        .client_required = c->require_client_certificate,
    };
    return tls_server_new(&f, e);
}

static bool try_tls(const struct access *a, const struct config *c, struct err *e)
{
    if (!c->tls_certificate[0])
        return true;
    if (a->certificate.n == 0)
        return fail(e, ERR_CORRUPT, "%s: is empty", c->tls_certificate);
    struct tls_server *s = access_tls(a, c, e);
    tls_server_free(s);
    return s != NULL;
}

/* Does any address ask for keys? Where none does, a list that cannot be read is nobody's affair. */
static bool needs_keys(const struct config *c)
{
    struct listen_address at;
    bool needs = c->require_key;
    for (uint32_t i = 0; i < c->listen.n; i++)
        needs |= listen_parse(str_of(c->listen.v[i]), &at, NULL) && at.tls;
    return needs;
}

/* Where the policy does not hold, nobody has a role. */
static void load_roles(struct access *a)
{
    struct admission admission = {0};
    struct err why;
    if (admit_begin(&admission, false, &why))
        a->roles = admission.policy.roles;
    else
        a->roles.told = true;
    admit_end(&admission);
}

bool access_load(struct access *a, const struct config *c, struct err *e)
{
    *a = (struct access){0};
    load_roles(a);
    if ((access_load_keys(a, e) || !needs_keys(c)) && read_pem(a, c, e) &&
        read_client_ca(a, c, e) && try_tls(a, c, e))
        return true;
    access_clear(a);
    return false;
}

/* --- what an address needs ----------------------------------------------------------------------
 */

static bool check_address(const struct access *a, const char *text, struct err *e)
{
    struct listen_address at;
    if (!listen_parse(str_of(text), &at, e))
        return false;
    if (!at.tls)
        return true;
    if (a->certificate.n == 0)
        return fail(e, ERR_DENIED,
                    at.remote
                        ? N_("%s can be reached from other machines, which needs TLS: set "
                             "tls_certificate and tls_key to the files of a certificate and its "
                             "key, or listen at 127.0.0.1")
                        : N_("%s needs TLS: set tls_certificate and tls_key to the files of a "
                             "certificate and its key, or write http:// for it"),
                    text);
    return a->keys.n > 0 ||
           fail(e, ERR_DENIED,
                "%s asks its clients for a key, and there is none yet: make one with moat key add "
                "NAME",
                text);
}

bool access_check(const struct access *a, const struct config *c, struct err *e)
{
    for (uint32_t i = 0; i < c->listen.n; i++)
        if (!check_address(a, c->listen.v[i], e))
            return false;
    if (c->require_key && a->keys.n == 0)
        return fail(e, ERR_DENIED,
                    "require_key is set, and there is no key yet: make one with moat key add NAME");
    return !needs_keys(c) || keys_valid(&a->keys, time(NULL)) > 0 ||
           fail(e, ERR_DENIED,
                "all keys have expired, and clients are asked for one: make another with moat key "
                "add NAME");
}

/* --- to the front -------------------------------------------------------------------------------
 */

json_t *access_to_json(const struct access *a)
{
    return json_pack("{so* so so ss% ss% ss%}", "roles", roles_to_json(&a->roles), "keys",
                     keys_to_json(&a->keys), "used", key_usages_json(&a->used), "certificate",
                     buf_c(&a->certificate), a->certificate.n, "private_key",
                     buf_c(&a->private_key), a->private_key.n, "client_ca", buf_c(&a->client_ca),
                     a->client_ca.n);
}

static void take_text(struct buf *b, const json_t *text)
{
    buf_init(b, LIMIT_PEM_BYTES);
    buf_add(b, json_string_value(text), json_string_length(text));
}

bool access_from_json(struct access *a, const json_t *j, struct err *e)
{
    *a = (struct access){0};
    take_text(&a->certificate, json_object_get(j, "certificate"));
    take_text(&a->private_key, json_object_get(j, "private_key"));
    take_text(&a->client_ca, json_object_get(j, "client_ca"));
    if (roles_parse(&a->roles, json_object_get(j, "roles"), e) &&
        keys_from_json(&a->keys, json_object_get(j, "keys"), e) &&
        key_usages_take(&a->used, json_object_get(j, "used"), e) &&
        buf_ok(&a->certificate, "certificate", e) && buf_ok(&a->private_key, "private key", e) &&
        buf_ok(&a->client_ca, "client CA", e))
        return true;
    access_clear(a);
    return false;
}

/* --- requests -----------------------------------------------------------------------------------
 */

/* What follows a scheme, in any letters' case; empty for another one. */
static struct str after_scheme(struct str value, const char *scheme)
{
    size_t n = strlen(scheme);
    if (value.n < n)
        return STR("");
    for (size_t i = 0; i < n; i++)
        if ((i < n - 1 ? value.p[i] | 0x20 : value.p[i]) != scheme[i])
            return STR("");
    return str_trim(str_from(value, n));
}

enum { BASIC_MOST = 256 }; /* characters of base64: a user of any name, and a key */

/* The password of "Basic base64(USER:PASSWORD)", for clients that know nothing else: curl -u, those
 * of registries. The user may be anybody. */
static struct str password(struct str value, char out[BASIC_MOST])
{
    struct str text = after_scheme(value, "basic ");
    if (text.n == 0 || text.n > BASIC_MOST || text.n % 4 != 0)
        return STR("");
    int n = EVP_DecodeBlock((unsigned char *)out, (const unsigned char *)text.p, (int)text.n);
    struct str plain = {out, n > 0 ? (size_t)n : 0};
    for (size_t i = text.n; plain.n && text.p[i - 1] == '=' && text.n - i < 2; i--)
        plain.n--;
    size_t colon = str_find(plain, STR(":"));
    return colon == SIZE_MAX ? STR("") : str_from(plain, colon + 1);
}

const struct key *access_key(const struct keys *keys, struct str authorization, struct str api_key)
{
    char room[BASIC_MOST];
    if (!authorization.n)
        return keys_match(keys, api_key);
    struct str text = after_scheme(authorization, "bearer ");
    if (text.n)
        return keys_match(keys, text);
    const struct key *key = keys_match(keys, password(authorization, room));
    OPENSSL_cleanse(room, sizeof room);
    return key;
}
