/* SPDX-License-Identifier: Apache-2.0 */
/* tests/engine/test_sequence: a sequence continued, taken back, saved and restored gives the bits
 * of one computed from its start, in every architecture there is a model of: those of
 * tests/data/arch and, where present, of the shared set. */
#include "base/mem.h"
#include "compute/kv_block.h"
#include "engine/arch.h"
#include "engine/timeline.h"
#include "gguf/gguf.h"
#include "test.h"

#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 80, N_CTX = 96, BRANCH = 68, LAST = 64 /* the last batch of 32 begins there */ };

struct opened {
    struct gguf *g;
    struct model *m;
    struct forward *f;
    struct timeline t[2];
    uint32_t token[N_CTX];
};

static void check(bool ok, const struct err *e)
{
    if (!ok)
        fail_msg("%s", e->msg);
}

static void open_model(struct opened *o, const char *path, enum kv_type type)
{
    struct err e;
    struct forward_params p = {.kv = {.type = type, .n_ctx = N_CTX, .n_seq = 2, .n_batch = 32},
                               .n_threads = 2,
                               .n_logits = 1};
    *o = (struct opened){0};
    check((o->g = gguf_open(path, &e)) && (o->m = model_new(o->g, NULL, &e)) &&
              (o->f = forward_new(o->m, &p, &e)) && timeline_new(&o->t[0], o->f, 0, &e) &&
              timeline_new(&o->t[1], o->f, 1, &e),
          &e);
    for (uint32_t i = 0; i < N_CTX; i++)
        o->token[i] = (i * 7919 + 13 * (i / 9)) % o->m->h.n_vocab;
}

static void close_model(struct opened *o)
{
    timeline_free(&o->t[0]);
    timeline_free(&o->t[1]);
    forward_free(o->f);
    model_free(o->m);
    gguf_close(o->g);
}

static uint32_t sync(struct timeline *t, const uint32_t *token, uint32_t n)
{
    struct err e;
    uint32_t reused = 0;
    check(timeline_sync(t, token, n, NULL, &reused, &e), &e);
    return reused;
}

static void push(struct timeline *t, uint32_t token)
{
    struct err e;
    check(timeline_push(t, token, &e), &e);
}

static float *logits_of(const struct opened *o, const struct timeline *t)
{
    struct err e;
    float *copy = mem_new(o->m->h.n_vocab, sizeof *copy, &e);
    assert_non_null(copy);
    memcpy(copy, t->logits, o->m->h.n_vocab * sizeof *copy);
    return copy;
}

static void same_logits(const struct opened *o, const struct timeline *t, const float *want)
{
    assert_memory_equal(t->logits, want, o->m->h.n_vocab * sizeof *want);
}

/* Another ending, then back: what is reused must not show. */
static void goes_back(struct opened *o)
{
    uint32_t other[N];
    sync(&o->t[0], o->token, N);
    float *want = logits_of(o, &o->t[0]);
    memcpy(other, o->token, sizeof other);
    for (uint32_t i = BRANCH; i < N; i++)
        other[i] = (o->token[i] + 1) % o->m->h.n_vocab;
    sync(&o->t[1], other, N);
    uint32_t reused = sync(&o->t[1], o->token, N);
    same_logits(o, &o->t[1], want);
    assert_true(reused >= LAST && reused <= BRANCH);
    if (!o->m->n_kv_slots[KV_SLOTS_STATE] && !o->m->n_kv_slots[KV_WINDOW])
        assert_int_equal(reused, BRANCH);
    for (uint32_t i = 0; i < 5; i++)
        push(&o->t[1], o->token[i]);
    sync(&o->t[1], o->token, N); /* back over what was written */
    same_logits(o, &o->t[1], want);
    mem_free(want);
}

/* One token at a time comes to what the prompt came to. */
static void decodes_alike(struct opened *o)
{
    sync(&o->t[0], o->token, N);
    float *want = logits_of(o, &o->t[0]), worst = 0;
    sync(&o->t[1], o->token, 1);
    for (uint32_t i = 1; i < N; i++)
        push(&o->t[1], o->token[i]);
    for (uint32_t i = 0; i < o->m->h.n_vocab; i++)
        worst = fmaxf(worst, fabsf(o->t[1].logits[i] - want[i]));
    if (!(worst < 0.01f))
        fail_msg("decoding differs from the prompt by %g", (double)worst);
    mem_free(want);
}

static bool append(void *at, const void *p, size_t n, struct err *e)
{
    unsigned char **out = at;
    (void)e;
    memcpy(*out, p, n);
    *out += n;
    return true;
}

static void restores(struct opened *o)
{
    struct err e;
    sync(&o->t[0], o->token, BRANCH);
    for (uint32_t i = BRANCH; i < BRANCH + 5; i++)
        push(&o->t[0], o->token[i]);
    uint64_t n = timeline_saved_bytes(&o->t[0]);
    unsigned char *bytes = mem_new(n, 1, &e);
    assert_non_null(bytes);
    unsigned char *end = bytes;
    check(timeline_save(&o->t[0], append, &end, &e), &e);
    assert_ptr_equal(end, bytes + n);
    for (uint32_t i = BRANCH + 5; i < N; i++)
        push(&o->t[0], o->token[i]);
    float *want = logits_of(o, &o->t[0]);
    check(timeline_restore(&o->t[1], bytes, n, &e), &e);
    for (uint32_t i = BRANCH + 5; i < N; i++)
        push(&o->t[1], o->token[i]);
    same_logits(o, &o->t[1], want);
    /* what is not whole is refused, and leaves a sequence that works */
    for (uint64_t cut = 0; cut < n; cut += 1 + n / 37)
        assert_false(timeline_restore(&o->t[1], bytes, cut, &e));
    for (uint32_t i = 0; i < 64; i++) {
        bytes[4 + 4 * (BRANCH + 5) + i] ^= 0x55;
        bool taken = timeline_restore(&o->t[1], bytes, n, &e);
        bytes[4 + 4 * (BRANCH + 5) + i] ^= 0x55;
        assert_false(taken);
    }
    sync(&o->t[1], o->token, BRANCH);
    for (uint32_t i = BRANCH; i < N; i++)
        push(&o->t[1], o->token[i]);
    same_logits(o, &o->t[1], want);
    mem_free(want);
    mem_free(bytes);
}

/* Two go on differently from what they share: neither shows in the other. */
static void shares(struct opened *o)
{
    struct err e;
    uint32_t other[N];
    sync(&o->t[0], o->token, N);
    float *want = logits_of(o, &o->t[0]);
    memcpy(other, o->token, sizeof other);
    for (uint32_t i = BRANCH; i < N; i++)
        other[i] = (o->token[i] + 1) % o->m->h.n_vocab;
    for (uint32_t n = 0; n <= N; n += n < LAST ? LAST : 1) {
        sync(&o->t[0], o->token, N);
        timeline_forget(&o->t[1]);
        uint32_t place = kv_place(o->f->kv, 0, n), free_blocks = kv_blocks_free(o->f->kv);
        check(timeline_share(&o->t[1], &o->t[0], place, &e), &e);
        assert_true(free_blocks - kv_blocks_free(o->f->kv) <= 1); /* no more than a copy of one */
        sync(&o->t[0], other, N);
        uint32_t reused = sync(&o->t[1], o->token, N);
        assert_true(place == N || reused == place);
        same_logits(o, &o->t[1], want);
        sync(&o->t[0], o->token, N);
        same_logits(o, &o->t[0], want);
    }
    timeline_forget(&o->t[0]);
    timeline_forget(&o->t[1]);
    assert_int_equal(kv_blocks_free(o->f->kv), kv_blocks(o->f->kv)); /* none is lost */
    mem_free(want);
}

static void for_models(void (*test)(struct opened *o), enum kv_type type)
{
    const char *shared = getenv("MOAT_SHARED");
    char pattern[512];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/conformance/arch/*.gguf", shared ? shared : "../shared");
    glob("tests/data/arch/*.gguf", 0, NULL, &found);
    glob(pattern, GLOB_APPEND, NULL, &found);
    assert_true(found.gl_pathc > 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct opened o;
        print_message("# %s\n", found.gl_pathv[i]);
        open_model(&o, found.gl_pathv[i], type);
        test(&o);
        close_model(&o);
    }
    globfree(&found);
}

static void a_sequence_goes_back(void **state)
{
    (void)state;
    for_models(goes_back, KV_F32);
}

static void one_token_at_a_time_comes_to_the_same(void **state)
{
    (void)state;
    for_models(decodes_alike, KV_F32);
}

static void a_saved_sequence_goes_on(void **state)
{
    (void)state;
    for_models(restores, KV_F32);
    for_models(restores, KV_Q8);
}

static void sequences_share_their_beginning(void **state)
{
    (void)state;
    for_models(shares, KV_Q8);
}

/* What was saved with keys and values of one type is refused by a context of another. */
static void another_type_of_cache_is_refused(void **state)
{
    (void)state;
    for (enum kv_type to = KV_F16; to < KV_TYPES; to++) {
        struct opened from, other;
        struct err e;
        enum kv_type type = (to + 1) % KV_TYPES;
        open_model(&from, "tests/data/arch/llama.gguf", type);
        open_model(&other, "tests/data/arch/llama.gguf", to);
        sync(&from.t[0], from.token, N);
        uint64_t n = timeline_saved_bytes(&from.t[0]);
        unsigned char *bytes = mem_new(n, 1, &e), *end = bytes;
        assert_non_null(bytes);
        check(timeline_save(&from.t[0], append, &end, &e), &e);
        assert_false(timeline_restore(&other.t[0], bytes, n, &e));
        assert_int_equal(e.code, ERR_CORRUPT);
        assert_non_null(strstr(e.msg, kv_type_name(type)));
        assert_int_equal(kv_length(other.f->kv, 0), 0);
        mem_free(bytes);
        close_model(&from);
        close_model(&other);
    }
}

/* A state that is its own length: wherever it goes back to, it must say so. */
static void copies_are_of_the_places_they_say(void **state)
{
    (void)state;
    struct err e;
    struct model m = {.h.d_state = 3, .n_kv_slots = {0, 0, 2}};
    struct layer last = {.kv_slot = 1};
    struct states *s = states_new(&m, 2, &e);
    assert_non_null(s);
    uint64_t random = 1, n;
    uint32_t length = 0, far = 0;
    for (uint32_t i = 0; i < 20000; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        uint32_t r = (uint32_t)(random >> 33);
        if (r % 7 == 0) {
            uint32_t want = length ? r / 7 % (length + 1) : 0;
            uint32_t place = states_place(s, 1, length, want);
            assert_true(place <= want);
            states_return(s, 1, length, place);
            far += place > 0 && place < length;
            length = place;
        } else {
            uint32_t step = r % 5 == 0 ? 1 + r / 8 % 600 : 1;
            states_begin(s, 1, length, step);
            float *at = states_of(s, &last, 1);
            assert_true(at[2] == (float)length);
            assert_true(*states_all(s, 0, &n) == 0 && n == 6);
            length += step;
            at[2] = (float)length;
        }
    }
    assert_true(far > 100);
    states_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sequence_goes_back),
        cmocka_unit_test(one_token_at_a_time_comes_to_the_same),
        cmocka_unit_test(a_saved_sequence_goes_on),
        cmocka_unit_test(sequences_share_their_beginning),
        cmocka_unit_test(another_type_of_cache_is_refused),
        cmocka_unit_test(copies_are_of_the_places_they_say),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
