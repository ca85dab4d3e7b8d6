/* SPDX-License-Identifier: Apache-2.0 */
/* guard/audit_frame: the frames of an audit log, and the tree they are the leaves of.
 *
 * docs/AUDIT-FORMAT.md is the format; this is sections 3 and 6 of it. Nothing here touches a file.
 * A chain is what a reader knows behind the last frame it has seen: how many leaves and records
 * there were, the tree, whose turn it is to sign. */
#ifndef MOAT_GUARD_AUDIT_FRAME_H
#define MOAT_GUARD_AUDIT_FRAME_H

#include <sodium.h>

#include "base/buf.h"
#include "base/hash.h"

#define AUDIT_FRAME_HEAD  8u
#define AUDIT_FRAME_MOST  (1u << 20) /* bytes of a body */
#define AUDIT_MAGIC       "MOATAUDT"
#define AUDIT_SIGN_MAGIC  "MOATSIGN"
#define AUDIT_NO_SESSION  UINT64_MAX
#define AUDIT_RECORD_HEAD 24u
#define AUDIT_RECORD_MOST (AUDIT_FRAME_MOST - 256u) /* bytes of a record's text */

enum {
    AUDIT_VERSION = 1,
    AUDIT_PROFILE = 1, /* 2 (FIPS) and 3 (SM) are reserved */
    AUDIT_KEY = 32,
    AUDIT_BOOT = 16,
    AUDIT_SIGNATURE = 64,
    AUDIT_CHECKPOINT_BYTES = 200,
    AUDIT_RECIPIENTS = 16, /* most auditors */
    AUDIT_RECIPIENT_ID = 8,
    AUDIT_SEALED = 80, /* a session's key for one of them */
    AUDIT_HEADER = crypto_secretstream_xchacha20poly1305_HEADERBYTES
};

enum audit_type { AUDIT_SEGMENT = 1, AUDIT_SESSION, AUDIT_RECORD, AUDIT_CHECKPOINT };
enum audit_kind { AUDIT_OPEN = 1, AUDIT_CLOSE, AUDIT_BEAT, AUDIT_ACT };
enum audit_flag { AUDIT_EPOCH_ENDS = 1, AUDIT_SEGMENT_ENDS = 2 };

struct audit_frame {
    enum audit_type type;
    struct str whole, body; /* borrowed */
};

/* The frame at the beginning of bytes; false: there is no whole one. */
bool audit_frame_take(struct str bytes, struct audit_frame *f);

/* --- the tree, and what is known behind a frame ---------------------------------------------- */

struct audit_chain {
    struct hash log;       /* its id */
    struct hash whole[64]; /* whole subtrees that wait for a neighbour: [i] of 2^i leaves */
    uint64_t leaves, records, epoch;
    uint32_t segment;
    uint8_t key[AUDIT_KEY]; /* the public key of the epoch */
    uint64_t time, mono;    /* of the last checkpoint; 0: none yet */
    uint8_t boot[AUDIT_BOOT];
};

bool audit_chain_add(struct audit_chain *c, struct str leaf, struct err *e) MUST_USE;
bool audit_chain_root(const struct audit_chain *c, struct hash *root, struct err *e) MUST_USE;
/* The id of the log that begins with this key. */
bool audit_log_id(const uint8_t key[AUDIT_KEY], struct hash *id, struct err *e) MUST_USE;

/* --- segment --------------------------------------------------------------------------------- */

struct audit_segment {
    uint32_t number;
    uint64_t leaves, records, previous_end, time, epoch;
    struct hash log, previous_tail;
    uint8_t key[AUDIT_KEY];
    struct hash whole[64]; /* the peaks, as in a chain */
    struct str settings;   /* JSON; borrowed */
};

/* Appends the frame; leaves to key come from the chain. */
void audit_put_segment(struct buf *out, const struct audit_chain *c, const struct audit_segment *s);
/* False: it is none, or of a version or profile that we do not know. */
bool audit_get_segment(struct str body, struct audit_segment *s);
/* A chain as it was before that frame. */
void audit_segment_chain(const struct audit_segment *s, struct audit_chain *c);

/* --- session and record ---------------------------------------------------------------------- */

struct audit_session {
    uint64_t number, continues;
    const uint8_t *header, *keys; /* borrowed: [n][AUDIT_RECIPIENT_ID + AUDIT_SEALED] */
    uint32_t n;
};

typedef crypto_secretstream_xchacha20poly1305_state audit_stream;

/* Makes a key, seals it to the n public keys, and begins the stream with it. */
bool audit_put_session(struct buf *out, uint64_t number, uint64_t continues,
                       const uint8_t (*auditors)[AUDIT_KEY], uint32_t n, audit_stream *stream,
                       struct err *e) MUST_USE;
bool audit_get_session(struct str body, struct audit_session *s);
void audit_recipient_id(const uint8_t key[AUDIT_KEY], uint8_t id[AUDIT_RECIPIENT_ID]);

struct audit_record {
    uint64_t number, session;
    enum audit_kind kind;
    struct str head, sealed; /* borrowed */
};

void audit_put_record(struct buf *out, uint64_t number, uint64_t session, enum audit_kind kind,
                      audit_stream *stream, struct str text);
bool audit_get_record(struct str body, struct audit_record *r);

/* --- checkpoint ------------------------------------------------------------------------------ */

struct audit_checkpoint {
    uint64_t epoch, leaves, records, time, mono;
    uint32_t segment, flags;
    struct hash root;
    uint8_t next[AUDIT_KEY], boot[AUDIT_BOOT];
    struct str body; /* borrowed */
};

/* secret: libsodium's 64 bytes. */
void audit_put_checkpoint(struct buf *out, const struct audit_checkpoint *p, const struct hash *log,
                          const uint8_t secret[64]);
bool audit_get_checkpoint(struct str body, struct audit_checkpoint *p);
bool audit_checkpoint_signed(const struct audit_checkpoint *p, const struct hash *log,
                             const uint8_t key[AUDIT_KEY]);

#endif
