/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes saved states: whatever is in one whose model and checksum fit, it is refused in a sentence
 * or leaves a sequence that can go on. Runs in the root of the tree, for its model. */
#include <string.h>

#include "run/state.h"

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

enum { N_CTX = 48, HEADER = 64 };

static struct timeline *the_timeline(void)
{
    static struct timeline t;
    static struct gguf *g;
    struct err e;
    if (t.f)
        return &t;
    struct forward_params p = {.kv = {.type = KV_F16, .n_ctx = N_CTX, .n_seq = 1, .n_batch = 32},
                               .n_threads = 1,
                               .n_logits = 1};
    g = gguf_open("tests/data/arch/gemma3.gguf", &e);
    struct model *m = g ? model_new(g, NULL, &e) : NULL;
    struct forward *f = m ? forward_new(m, &p, &e) : NULL;
    must(f && timeline_new(&t, f, 0, &e));
    return &t;
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
    static const struct hash model = {{7}};
    struct timeline *t = the_timeline();
    struct err e = {0};
    struct buf file, attached;
    struct hash sum;
    buf_init(&file, n + 1);
    buf_init(&attached, 1000);
    buf_add(&file, p, n);
    if (n >= HEADER + sizeof sum) {
        struct str body = {file.p, n - sizeof sum};
        memcpy(file.p + 16, model.b, sizeof model);
        must(hash_of(&body, 1, &sum, &e));
        memcpy(file.p + body.n, sum.b, sizeof sum);
    }
    if (!state_take(t, &model, buf_view(&file), "fuzz", &attached, &e))
        must(e.msg[0]);
    else if (t->n < N_CTX)
        must(timeline_push(t, 1, &e));
    buf_clear(&file);
    buf_clear(&attached);
    return 0;
}
