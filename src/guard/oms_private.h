/* SPDX-License-Identifier: Apache-2.0 */
/* guard/oms: what its parts share; used by them, and by the fuzzer, only. */
#ifndef MOAT_GUARD_OMS_PRIVATE_H
#define MOAT_GUARD_OMS_PRIVATE_H

#include "guard/oms.h"

enum {
    OMS_CHAIN = 16, /* certificates of a bundle */
    OMS_SIG = 160,  /* bytes of a signature: P-521 has 139 at most */
    OMS_HINT = 160, /* with its NUL */
    OMS_CERTIFICATE = 1 << 15
};

#define OMS_PAYLOAD_TYPE "application/vnd.in-toto+json"

struct oms_bytes {
    uint8_t *p; /* owned */
    size_t n;
};

/* The envelope and what goes with it; nothing of it has been checked. */
struct oms_bundle {
    struct oms_bytes payload;
    struct oms_bytes chain[OMS_CHAIN]; /* DER; its first has signed */
    uint32_t n_chain;                  /* 0: a key has signed */
    char hint[OMS_HINT];               /* which, in the signer's words, or "" */
    uint8_t sig[OMS_SIG];
    size_t n_sig;
};

bool oms_bundle_parse(struct oms_bundle *b, struct str text, struct err *e) MUST_USE;
void oms_bundle_clear(struct oms_bundle *b);

/* Who has signed it, into signer. ERR_DENIED */
bool oms_verify(const struct oms_bundle *b, const struct oms_trust *trust, char signer[OMS_SIGNER],
                struct err *e) MUST_USE;

/* The statement; *l is zeroed before, and cleared by the caller. */
bool oms_list_parse(struct oms_list *l, struct str payload, struct err *e) MUST_USE;

#endif
