/* SPDX-License-Identifier: Apache-2.0 */
/* Memory runs out at the first, second, third ... allocation, once or for good: the reader and the
 * writer say so, and give back all they had. */
#include "alloc_fail.h"

#include <stdio.h>

#include "gguf/tiny.h"

enum { MOST = 200 }; /* allocations any of these may need */

typedef bool work_fn(struct err *e);

static char dir[] = "/tmp/moat-test-XXXXXX";

static bool open_and_close(const char *name, struct err *e)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    struct gguf *g = gguf_open(path, e);
    gguf_close(g);
    return g != NULL;
}

static bool open_one(struct err *e)
{
    return open_and_close("one.gguf", e);
}

static bool open_parts(struct err *e)
{
    return open_and_close("m-00002-of-00002.gguf", e);
}

static void fill(struct gguf_writer *w)
{
    static const struct str words[] = {{"a", 1}, {"b", 1}};
    static const float data[8] = {1};
    gguf_write_init(w, 32);
    for (unsigned i = 0; i < 40; i++) {
        char name[16];
        snprintf(name, sizeof name, "t%u", i);
        gguf_write_strs(w, name, words, 2);
        gguf_write_tensor(w, name, DTYPE_F32, 1, (const uint64_t[]){8}, data);
    }
}

static bool write_bytes(struct err *e)
{
    struct gguf_writer w;
    struct buf b;
    fill(&w);
    buf_init(&b, 1 << 20);
    bool ok = gguf_write_bytes(&w, &b, e);
    buf_clear(&b);
    gguf_write_clear(&w);
    return ok;
}

static void part(const char *name, uint16_t no, uint16_t count)
{
    struct gguf_writer w;
    struct err e;
    char path[64];
    fill(&w);
    if (no) {
        gguf_write_clear(&w);
        gguf_write_init(&w, 32);
    }
    gguf_write_scalar(&w, "split.no", GGUF_U16, &no);
    gguf_write_scalar(&w, "split.count", GGUF_U16, &count);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_true(gguf_write_file(&w, path, &e));
    gguf_write_clear(&w);
}

static int make_files(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    part("one.gguf", 0, 1);
    part("m-00001-of-00002.gguf", 0, 2);
    part("m-00002-of-00002.gguf", 1, 2);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

static void each_allocation_fails(work_fn *work, bool once)
{
    if (!ALLOC_FAIL_WORKS) {
        struct err e;
        assert_true(work(&e));
        return;
    }
    for (long nth = 1; nth < MOST; nth++) {
        struct err e = {0};
        alloc_fail_arm(nth, once);
        bool ok = work(&e);
        alloc_fail_disarm();
        assert_int_equal(alloc_fail.held, 0);
        if (ok && alloc_fail.n < nth) { /* all it needs came before the n-th */
            assert_true(nth > 3);
            return;
        }
        if (!once)
            assert_false(ok);
        assert_true(ok || (e.code == ERR_LIMIT && e.msg[0]));
    }
    fail_msg("no end\n");
}

#define BOTH(work)                                                                                 \
    static void work##_fails_for_good(void **state)                                                \
    {                                                                                              \
        (void)state;                                                                               \
        each_allocation_fails(work, false);                                                        \
    }                                                                                              \
    static void work##_fails_once(void **state)                                                    \
    {                                                                                              \
        (void)state;                                                                               \
        each_allocation_fails(work, true);                                                         \
    }
BOTH(open_one)
BOTH(open_parts)
BOTH(write_bytes)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_one_fails_for_good),    cmocka_unit_test(open_one_fails_once),
        cmocka_unit_test(open_parts_fails_for_good),  cmocka_unit_test(open_parts_fails_once),
        cmocka_unit_test(write_bytes_fails_for_good), cmocka_unit_test(write_bytes_fails_once),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
