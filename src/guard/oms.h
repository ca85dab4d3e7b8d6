/* SPDX-License-Identifier: Apache-2.0 */
/* guard/oms: signatures of models as the OpenSSF's Model Signing 1.0 (OMS) has them: who makes a
 * model signs the hashes of its files; here they are checked.
 *
 * A signature is a JSON file in Sigstore's bundle format, which holds a DSSE envelope, which holds
 * an in-toto statement:
 *
 *     {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
 *      "verificationMaterial": {"publicKey": {"hint": "<SHA-256 of the key's PEM>"}} or
 *                              {"x509CertificateChain": {"certificates": [{"rawBytes": DER}]}},
 *      "dsseEnvelope": {"payloadType": "application/vnd.in-toto+json", "payload": base64,
 *                       "signatures": [{"sig": base64}]}}
 *     {"_type": "https://in-toto.io/Statement/v1",
 *      "subject": [{"name": "..", "digest": {"sha256": "<of all digests below>"}}],
 *      "predicateType": "https://model_signing/signature/v1.0",
 *      "predicate": {"serialization": {"method": "files" or "shards", "hash_type": "sha256",
 *                                      "allow_symlinks": false, "ignore_paths": [..]},
 *                    "resources": [{"name": "a/b.gguf", "algorithm": "sha256", "digest": hex}]}}
 *
 * Signed is the pre-authentication encoding of DSSE 1.0, with ECDSA over P-256, P-384 or P-521 and
 * SHA-256, -384 or -512 in this order. Hashes are SHA-256 or BLAKE2b, of whole files or of shards,
 * equal parts, whose names end in ":FROM:TO". Who trusts a certificate (any of the chain up to the
 * root) has the chain checked as of now, and the first certificate must be made for signing.
 *
 * Refused, with the reason: signatures that need Sigstore's transparency log (ERR_UNSUPPORTED),
 * BLAKE3, the format before 1.0, and whatever is not as above (ERR_CORRUPT).
 * Sources: OpenSSF Model Signing specification 1.0, DSSE 1.0, in-toto Statement v1. */
#ifndef MOAT_GUARD_OMS_H
#define MOAT_GUARD_OMS_H

#include <jansson.h>

#include "base/mem.h"

enum { OMS_DIGEST = 64 /* bytes of the longest */, OMS_TRUSTED = 16, OMS_SIGNER = 256 };

/* Whom to believe: a public key, or certificates; both are PEM files. */
struct oms_trust {
    const char *public_key; /* or NULL */
    const char *certificate[OMS_TRUSTED];
    uint32_t n_certificate;
};

struct oms_file {
    const char *name;  /* relative to the model's folder; "." where the model is one file */
    uint64_t bytes;    /* of shards together; of a whole file it is not known: 0 */
    uint32_t first, n; /* its digests */
};

/* What was signed. */
struct oms_list {
    const char *hash;      /* as OpenSSL names it */
    uint32_t digest_bytes; /* of one */
    uint64_t shard;        /* bytes of a part; 0: files are hashed whole */
    bool links;            /* links to files were followed */
    uint8_t *digest;       /* [n_digest][digest_bytes], owned */
    struct oms_file *file; /* [n], by name, owned */
    size_t n, n_digest;
    json_t *ignore; /* texts: paths that were left out, owned */
    struct arena names;
    char signer[OMS_SIGNER]; /* "key <hint>", or the subject of a certificate */
};

/* The signature at path, checked: ERR_DENIED where it is not by whom we trust. *l is cleared by the
 * caller in any case. */
bool oms_open(struct oms_list *l, const char *path, const struct oms_trust *trust,
              struct err *e) MUST_USE;
void oms_clear(struct oms_list *l);

const struct oms_file *oms_find(const struct oms_list *l, const char *name);
/* Are these [n][digest_bytes] the digests of that file? */
bool oms_is(const struct oms_list *l, const struct oms_file *f, const uint8_t *digest, size_t n);

#endif
