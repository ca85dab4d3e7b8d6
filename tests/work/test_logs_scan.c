/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_scan and logs_type: what is taken out of a line, and what kind of value it is. */
#include "work/logs_scan.h"

#include <stdlib.h>

#include "test.h"

/* The shape as text: a variable is <*>. */
static const char *shape_of(const char *line)
{
    static struct logs_shape s;
    static char text[4096];
    size_t n = 0;
    logs_scan(str_of(line), &s);
    for (uint32_t i = 0; i < s.n; i++)
        if (s.p[i] == SHAPE_VAR) {
            memcpy(text + n, "<*>", 3);
            n += 3;
        } else if (s.p[i] != SHAPE_SLOT && s.p[i] != SHAPE_END) {
            text[n++] = (char)s.p[i];
        }
    text[n] = 0;
    return text;
}

static void takes_values_out(void **state)
{
    static const char *const all[][2] = {
        {"", ""},
        {"   \t ", ""},
        {"started", "started"},
        {"  two   blanks ", "two blanks"},
        {"took 15 ms", "took <*> ms"},
        {"at 10.0.0.1:8080 ok", "at <*> ok"},
        {"uid:10037 gid=5", "uid:<*> gid=<*>"},
        {"db.example.com:5432 up", "<*> up"},
        {"state.clipTop:44, i:5", "state.clipTop:<*>, i:<*>"},
        {"block blk_-123_7 done", "block <*> done"},
        {"open /var/log/x.log.", "open <*>."},
        {"open C:\\Users\\a b", "open <*> b"},
        {"get http://a.b/c?d=e: ok", "get <*>: ok"},
        {"free 5.8 KB, 12 B left", "free <*>, <*> left"},
        {"sent 1024 bytes (1.00 KB) now", "sent <*> bytes now"},
        {"lifetime <1 sec", "lifetime <*>"},
        {"at Sat Sep 03 10:20:30 PDT 2005 done", "at <*> done"},
        {"addr fe80::1:2 up", "addr <*> up"},
        {"mac 00:0c:29:4f:8e:35 up", "mac <*> up"},
        {"core.2275 written", "core.<*> written"},
        {"eth0: link ssh2", "eth0: link ssh2"},
        {"init2() failed", "init2() failed"},
        {"ok=true tag=\"a b\" x=null", "ok=<*> tag=\"a b\" x=<*>"},
        {"ws=Source{17} y", "ws=<*> y"},
        {"enable......0", "enable......<*>"},
        {"torus z+ and z- error", "torus z+ and z- error"},
        {"id deadbeefcafe", "id <*>"},
        {"\xe7\x99\xbb\xe5\xbd\x95 7", "\xe7\x99\xbb\xe5\xbd\x95 <*>"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_string_equal(shape_of(all[i][0]), all[i][1]);
}

/* A line of control characters keeps the marks of a shape apart from its bytes. */
static void marks_cannot_be_written(void **state)
{
    (void)state;
    assert_string_equal(shape_of("a\1\2\3\4=\1\2 b\x7f"), "a?\?\?\?=?\? b?");
}

/* Lines too long or of too many words end in one variable, and nothing is written behind the end.
 */
static void long_lines_end(void **state)
{
    size_t n = 3 * LOGS_LINE_BYTES;
    char *line = malloc(n);
    struct logs_shape *s = malloc(sizeof *s);
    static const char *const units[] = {"a",  "a ",  "a:",  "7.", "..", "/",
                                        "=x", "=\"", "a..", "1:", "[",  "\t"};
    (void)state;
    for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
        size_t k = strlen(units[u]);
        for (size_t i = 0; i < n; i++)
            line[i] = units[u][i % k];
        logs_scan((struct str){line, n}, s);
        assert_true(s->n <= sizeof s->p && s->n_slot <= LOGS_SLOTS + 1);
        assert_true(s->n_slot && s->slot[s->n_slot - 1].at + s->slot[s->n_slot - 1].n == n);
    }
    free(line);
    free(s);
}

static void names_types(void **state)
{
    static const char *const all[][2] = {
        {"17", "number"},       {"-3.5", "number"},
        {"0x1f", "hex"},        {"00106b8c", "hex"},
        {"10.0.0.1", "ip"},     {"10.0.0.1:80", "ip"},
        {"fe80::1", "ip"},      {"00:0c:29:4f:8e:35", "mac"},
        {"/var/log", "path"},   {"http://a/b", "url"},
        {"10:20:30.5", "time"}, {"15ms", "duration"},
        {"5.8 KB", "size"},     {"true", "bool"},
        {"blk_17", "id"},       {"db.example.com:80", "host"},
        {"bob", "text"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_string_equal(logs_type_name(logs_type_of(str_of(all[i][0]))), all[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_values_out),
        cmocka_unit_test(marks_cannot_be_written),
        cmocka_unit_test(long_lines_end),
        cmocka_unit_test(names_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
