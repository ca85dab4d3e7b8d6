/* SPDX-License-Identifier: Apache-2.0 */
/* guard/oms: the bundle, and all together; see oms.h. */
#include "guard/oms.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "guard/oms_private.h"

/* --- the bundle ----------------------------------------------------------------------------------
 */

/* A member that is an object, or NULL. */
static const json_t *object_in(const json_t *j, const char *key)
{
    const json_t *o = json_object_get(j, key);
    return json_is_object(o) ? o : NULL;
}

static bool decode(const json_t *j, size_t max, struct oms_bytes *out, struct err *e)
{
    const char *text = json_string_value(j);
    size_t n = json_string_length(j), room = n / 4 * 3 + 3;
    *out = (struct oms_bytes){0};
    if (!text || n == 0 || room > max + 3)
        return fail(e, ERR_CORRUPT, "base64 of 1 to %zu bytes is missing or too long", max);
    if (!(out->p = mem_new(room, 1, e)))
        return false;
    return sodium_base642bin(out->p, room, text, n, NULL, &out->n, NULL,
                             sodium_base64_VARIANT_ORIGINAL) == 0 ||
           fail(e, ERR_CORRUPT, "a value is no base64");
}

static bool read_media_type(const json_t *j, struct err *e)
{
    static const char *const known[] = {"application/vnd.dev.sigstore.bundle.v0.3+json",
                                        "application/vnd.dev.sigstore.bundle+json;version=0.3",
                                        "application/vnd.dev.sigstore.bundle+json;version=0.2",
                                        "application/vnd.dev.sigstore.bundle+json;version=0.1"};
    const char *type = json_string_value(json_object_get(j, "mediaType"));
    for (size_t i = 0; type && i < sizeof known / sizeof *known; i++)
        if (strcmp(type, known[i]) == 0)
            return true;
    return fail(e, ERR_CORRUPT, "it is no Sigstore bundle: its mediaType is \"%.80s\"",
                type ? type : "");
}

static bool read_chain(struct oms_bundle *b, const json_t *list, struct err *e)
{
    size_t n = json_array_size(list);
    if (!json_is_array(list) || n < 1 || n > OMS_CHAIN)
        return fail(e, ERR_CORRUPT, "it must hold 1 to %d certificates", OMS_CHAIN);
    while (b->n_chain < n) {
        struct oms_bytes *one = &b->chain[b->n_chain++];
        const json_t *raw = json_object_get(json_array_get(list, b->n_chain - 1), "rawBytes");
        if (!decode(raw, OMS_CERTIFICATE, one, e))
            return err_at(e, "certificate %u", b->n_chain);
    }
    return true;
}

/* Before 1.1 of the tool that makes them the key itself stood there instead of a hint. */
static bool read_material(struct oms_bundle *b, const json_t *j, struct err *e)
{
    const json_t *material = object_in(j, "verificationMaterial");
    const json_t *key = object_in(material, "publicKey");
    const json_t *chain = object_in(material, "x509CertificateChain");
    if (json_object_get(material, "certificate"))
        return fail(e, ERR_UNSUPPORTED,
                    "it was signed through Sigstore's public services (a certificate of minutes "
                    "and a transparency log), which moat does not ask; its maker can sign with a "
                    "key or with a certificate of their own as well");
    if (!key == !chain)
        return fail(e, ERR_CORRUPT,
                    "it must say one of \"publicKey\" and \"x509CertificateChain\"");
    if (chain)
        return read_chain(b, json_object_get(chain, "certificates"), e);
    const char *hint = json_string_value(json_object_get(key, "hint"));
    snprintf(b->hint, sizeof b->hint, "%s", hint ? hint : "");
    str_make_printable(b->hint);
    return true;
}

static bool read_envelope(struct oms_bundle *b, const json_t *j, struct err *e)
{
    const json_t *envelope = object_in(j, "dsseEnvelope");
    const json_t *list = json_object_get(envelope, "signatures");
    const char *type = json_string_value(json_object_get(envelope, "payloadType"));
    struct oms_bytes sig = {0};
    if (!envelope || !json_is_array(list) || json_array_size(list) != 1)
        return fail(e, ERR_CORRUPT, "it must hold an envelope with one signature");
    if (!type || strcmp(type, OMS_PAYLOAD_TYPE) != 0)
        return fail(e, ERR_CORRUPT, "its payloadType must be %s", OMS_PAYLOAD_TYPE);
    bool ok = decode(json_object_get(envelope, "payload"), LIMIT_OMS_BYTES, &b->payload, e) &&
              decode(json_object_get(json_array_get(list, 0), "sig"), OMS_SIG - 3, &sig, e);
    if (ok)
        memcpy(b->sig, sig.p, b->n_sig = sig.n);
    mem_free(sig.p);
    return ok;
}

bool oms_bundle_parse(struct oms_bundle *b, struct str text, struct err *e)
{
    *b = (struct oms_bundle){0};
    json_t *j = json_parse(text, "JSON", e);
    bool ok = j ? read_media_type(j, e) && read_material(b, j, e) && read_envelope(b, j, e)
                : (e->code = ERR_CORRUPT, false);
    json_decref(j);
    if (!ok)
        oms_bundle_clear(b);
    return ok;
}

void oms_bundle_clear(struct oms_bundle *b)
{
    for (uint32_t i = 0; i < b->n_chain; i++)
        mem_free(b->chain[i].p);
    mem_free(b->payload.p);
    *b = (struct oms_bundle){0};
}

/* --- all of it -----------------------------------------------------------------------------------
 */

/* (I1) Nothing of the statement is read before its signature has been found good. */
static bool check_and_read(struct oms_list *l, const struct oms_bundle *b,
                           const struct oms_trust *trust, struct err *e)
{
    return oms_verify(b, trust, l->signer, e) &&
           oms_list_parse(l, (struct str){(const char *)b->payload.p, b->payload.n}, e);
}

bool oms_open(struct oms_list *l, const char *path, const struct oms_trust *trust, struct err *e)
{
    struct buf text;
    struct oms_bundle b = {0};
    *l = (struct oms_list){0};
    buf_init(&text, LIMIT_OMS_BYTES);
    bool ok = buf_read_file(&text, path, e) &&
              ((oms_bundle_parse(&b, buf_view(&text), e) && check_and_read(l, &b, trust, e)) ||
               err_at(e, "%s", path));
    oms_bundle_clear(&b);
    buf_clear(&text);
    return ok;
}

void oms_clear(struct oms_list *l)
{
    json_decref(l->ignore);
    arena_clear(&l->names);
    mem_free(l->digest);
    mem_free(l->file);
    *l = (struct oms_list){0};
}

const struct oms_file *oms_find(const struct oms_list *l, const char *name)
{
    size_t low = 0, high = l->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(l->file[middle].name, name);
        if (order == 0)
            return &l->file[middle];
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}

bool oms_is(const struct oms_list *l, const struct oms_file *f, const uint8_t *digest, size_t n)
{
    return f->n == n &&
           memcmp(l->digest + (size_t)f->first * l->digest_bytes, digest, n * l->digest_bytes) == 0;
}
