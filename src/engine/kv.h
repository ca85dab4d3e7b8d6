/* SPDX-License-Identifier: Apache-2.0 */
/* engine/kv: the KV cache: keys and values of every live sequence, in blocks of 16 tokens.
 *
 * Layers fall into two classes: those that see the whole context and those with a sliding window. A
 * class has one pool of blocks and, per sequence, a table from block number (position / 16) to pool
 * block; a block covers all layers of its class. Blocks that have left the window go back to the
 * pool, so a windowed class needs memory for its window only; but for those before the place where
 * the last part of the prompt began, which the next turn may go back to.
 *
 * Sequences that begin alike may share blocks (kv_share): a block is given back when no sequence
 * has it any more, and copied before one of several writes into it.
 *
 * A block has for each layer and KV head a piece, keys and then values (compute/kv_block.h); of one
 * layer and head the pieces of all blocks lie together, in the order in which they are read.
 * All memory is taken by kv_open; nothing allocates afterwards. */
#ifndef MOAT_ENGINE_KV_H
#define MOAT_ENGINE_KV_H

#include "compute/kv_type.h"
#include "engine/model.h"
#include "engine/state.h"

#define KV_BLOCK 16u
#define KV_NONE  UINT32_MAX

enum kv_class { KV_FULL, KV_WINDOW, KV_CLASSES };

struct kv_params {
    enum kv_type type;
    uint32_t n_ctx;   /* tokens a sequence may hold */
    uint32_t n_seq;   /* sequences alive at once */
    uint32_t n_batch; /* tokens added by one forward pass at most */
    /* Tokens that there is room for in all sequences together, 0: n_ctx in each. Windows and states
     * have room in each sequence in any case. */
    uint64_t n_tokens;
};

struct kv;

/* Bytes kv_new will take, but for states_bytes. */
uint64_t kv_bytes(const struct model *m, const struct kv_params *p);
struct kv *kv_new(const struct model *m, const struct kv_params *p, struct err *e) MUST_USE;
void kv_free(struct kv *kv);

/* Makes room for positions from..from+n of a sequence and lets go of blocks no later token can see.
 * ERR_LIMIT, and nothing changed, when the context is full or no block is free. */
bool kv_reserve(struct kv *kv, uint32_t seq, uint32_t from, uint32_t n, struct err *e) MUST_USE;

/* Forgets positions >= n. Returns the length really kept: less than n when the window class has
 * already let go of tokens a continuation at n would see; the last place a recurrent model can go
 * back to. */
uint32_t kv_truncate(struct kv *kv, uint32_t seq, uint32_t n);
uint32_t kv_place(const struct kv *kv, uint32_t seq, uint32_t n); /* what it would return */

/* Lengthens a sequence of whole blocks, one at least, to n tokens whose keys and values are copies
 * of its last block's: for measuring, as they are as fast to read. Errors are those of kv_reserve.
 */
bool kv_repeat(struct kv *kv, uint32_t seq, uint32_t n, struct err *e) MUST_USE;

/* Makes `to` the first n tokens of `from`, n being a kv_place of it; costs a copy of one block at
 * most, and of a recurrent state. ERR_LIMIT, and `to` empty, when no block is free for that. */
bool kv_share(struct kv *kv, uint32_t to, uint32_t from, uint32_t n, struct err *e) MUST_USE;

/* Blocks of those that see the whole context; 0 of 0 in a model without such layers. */
uint32_t kv_blocks_free(const struct kv *kv);
uint32_t kv_blocks(const struct kv *kv);

/* Takes the bytes of what is saved, piece by piece. */
typedef bool kv_sink_fn(void *arg, const void *p, size_t n, struct err *e);

/* A sequence as bytes, to continue it later: its length, blocks and state. Restoring replaces what
 * the sequence held; ERR_CORRUPT, and an empty sequence, when they are not of this model and type
 * of cache, ERR_LIMIT when they are of a longer context. The bytes are data only: whoever stores
 * them answers for their coming back unchanged. */
uint64_t kv_saved_bytes(const struct kv *kv, uint32_t seq);
bool kv_save(const struct kv *kv, uint32_t seq, kv_sink_fn *sink, void *arg,
             struct err *e) MUST_USE;
bool kv_restore(struct kv *kv, uint32_t seq, const unsigned char *in, uint64_t n,
                struct err *e) MUST_USE;

/* The same in parts, so that others wait for none of it long: those of about so many bytes, until
 * at = n. Meanwhile the sequence may not change; one that is being restored, and will not be, is
 * truncated to 0, which a failure has done. `n` of kv_restore_begin: bytes, `saved` included. */
struct kv_saved {
    uint64_t magic, type, length, n_state;
    uint64_t block_bytes[KV_CLASSES], first[KV_CLASSES]; /* of the blocks that are there */
};
struct kv_moving {
    struct kv_saved s; /* what kv_save begins with */
    uint64_t at, n;    /* parts */
    uint32_t seq;
};
typedef bool kv_source_fn(void *arg, void *p, size_t n, struct err *e);
void kv_save_begin(const struct kv *kv, uint32_t seq, struct kv_moving *m);
bool kv_save_some(const struct kv *kv, struct kv_moving *m, uint64_t bytes, kv_sink_fn *sink,
                  void *arg, struct err *e) MUST_USE;
bool kv_restore_begin(struct kv *kv, uint32_t seq, const struct kv_saved *saved, uint64_t n,
                      struct kv_moving *m, struct err *e) MUST_USE;
bool kv_restore_some(struct kv *kv, struct kv_moving *m, uint64_t bytes, kv_source_fn *source,
                     void *arg, struct err *e) MUST_USE;

/* Keys and values of a head in a block. */
void *kv_key_block(const struct kv *kv, const struct layer *l, uint32_t seq, uint32_t block,
                   uint32_t head);
void *kv_value_block(const struct kv *kv, const struct layer *l, uint32_t seq, uint32_t block,
                     uint32_t head);
/* A recurrent layer's state of a sequence, [h.d_state]. */
float *kv_state(const struct kv *kv, const struct layer *l, uint32_t seq);
uint32_t kv_length(const struct kv *kv, uint32_t seq);
enum kv_type kv_type_of(const struct kv *kv);

#endif
