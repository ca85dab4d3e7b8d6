/* SPDX-License-Identifier: Apache-2.0 */
/* Memory runs out at each allocation of opening a model and making room to run it: every family
 * says so and gives back all it had. */
#include "alloc_fail.h"

#include <stdio.h>

#include "lab/lab.h"
#include "test.h"

enum { MOST = 2000 };

static bool open_and_close(const char *path, struct err *e)
{
    static const struct lab_params p = {
        .n_ctx = 16, .n_seq = 1, .n_batch = 4, .n_logits = 4, .threads = 2};
    struct lab l;
    struct gguf *g = gguf_open(path, e);
    if (!g || !lab_open(&l, g, &p, e))
        return false;
    lab_close(&l);
    return true;
}

static void each_allocation_fails(void **state)
{
    char path[256];
    snprintf(path, sizeof path, "tests/data/arch/%s.gguf", (const char *)*state);
    struct err first; /* what the C library keeps for later threads */
    assert_true(open_and_close(path, &first));
    for (long nth = 1; ALLOC_FAIL_WORKS; nth++) {
        struct err e = {0};
        assert_true(nth < MOST);
        alloc_fail_arm(nth, false);
        bool ok = open_and_close(path, &e);
        alloc_fail_disarm();
        assert_int_equal(alloc_fail.held, 0);
        if (ok) {
            assert_true(nth > 10 && alloc_fail.n < nth);
            return;
        }
        if (e.code != ERR_LIMIT)
            fail_msg("allocation %ld: %s\n", nth, e.msg);
    }
}

#define FAMILY(name)                                                                               \
    {                                                                                              \
        name, each_allocation_fails, NULL, NULL, (void *)(uintptr_t)(name)                         \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAMILY("llama"),   FAMILY("llama-moe"), FAMILY("qwen2"),
        FAMILY("qwen3"),   FAMILY("qwen3moe"),  FAMILY("gemma3"),
        FAMILY("granite"), FAMILY("gpt2"),      FAMILY("qwen2moe"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
