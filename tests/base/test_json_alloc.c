/* SPDX-License-Identifier: Apache-2.0 */
/* Memory runs out at the first, second, third ... allocation of reading and of writing JSON, once
 * or for good: that is said, and all is given back. Jansson's own reader dies here. */
#include "alloc_fail.h"

#include "base/json.h"
#include "base/limits.h"
#include "test.h"

static const char text[] =
    "{\"messages\": [{\"role\": \"user\", \"content\": \"as long as a sentence may well be, and "
    "longer than that\"},"
    "{\"role\": \"user\", \"content\": \"with\\nescapes \\u00e9 and so on, over sixty-four bytes "
    "of them\"}],"
    "\"a key that is much longer than sixteen bytes\": {\"and\\tone with an escape\": [1, 2.5, "
    "null, true, \"\"]},"
    "\"1\": 1, \"2\": 2, \"3\": 3, \"4\": 4, \"5\": 5, \"6\": 6, \"7\": 7, \"8\": 8, \"9\": 9}";

/* Read, written, and read again; false where memory ended, which *e says. */
static bool work(struct err *e)
{
    struct buf out;
    buf_init(&out, LIMIT_JSON_BYTES);
    json_t *j = json_parse(str_of(text), "here", e), *again = NULL;
    bool ok = j && json_write(j, JSON_COMPACT, &out, e) &&
              (again = json_parse(buf_view(&out), "there", e)) && json_equal(j, again);
    json_decref(j);
    json_decref(again);
    buf_clear(&out);
    return ok;
}

static void test_each_allocation_fails(void **state)
{
    (void)state;
#if ALLOC_FAIL_WORKS
    struct err e;
    assert_true(work(&e)); /* libraries take what they keep */
    for (int once = 0; once < 2; once++)
        for (long nth = 1;; nth++) {
            e = (struct err){0};
            alloc_fail_arm(nth, once);
            bool ok = work(&e);
            alloc_fail_disarm();
            if (alloc_fail.held != 0)
                fail_msg("allocation %ld: %ld blocks are not freed", nth, alloc_fail.held);
            if (alloc_fail.n < nth) {
                assert_true(ok && nth > 50);
                break;
            }
            if (ok || (e.code != ERR_LIMIT && e.code != ERR_INTERNAL) || !e.msg[0])
                fail_msg("allocation %ld: %d %s", nth, ok, e.msg);
        }
#else
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_allocation_fails)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
