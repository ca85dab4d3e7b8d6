/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes chat templates: the input is a template and, after a line "#context", the variables as
 * JSON; without that line it gets a conversation with tools. What is accepted is rendered twice and
 * must give the same text or the same error; no rendering may take long. */
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/limits.h"
#include "text/template.h"

#define MOST_SECONDS 4.0 /* of CPU, with sanitizers that slow us down twentyfold */

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

static const char conversation[] =
    "{\"messages\": [{\"role\": \"system\", \"content\": \"Be brief.\"},"
    "{\"role\": \"user\", \"content\": \"Hi <b> \\u4f60\\u597d \\\"x\\\"\\n\"},"
    "{\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"id\": \"c1\", \"type\": "
    "\"function\", \"function\": {\"name\": \"f\", \"arguments\": {\"a\": 1.5, \"b\": [true]}}}]},"
    "{\"role\": \"tool\", \"content\": \"{}\"}], \"tools\": [{\"type\": \"function\", "
    "\"function\": "
    "{\"name\": \"f\", \"parameters\": {\"properties\": {\"a\": {\"type\": \"number\"}}}}}],"
    "\"add_generation_prompt\": true, \"bos_token\": \"<s>\", \"eos_token\": \"</s>\","
    "\"x\": 5, \"s\": \"a,b c\", \"l\": [3, 1, 2], \"d\": {\"b\": 1, \"a\": 2}}";

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool render(const struct template *t, const json_t *context, struct buf *out, struct err *e)
{
    struct tm now = {.tm_year = 126, .tm_mon = 0, .tm_mday = 15, .tm_wday = 4, .tm_yday = 14};
    double start = cpu_seconds();
    bool ok = template_render(t, context, &now, out, e);
    must(cpu_seconds() - start < MOST_SECONDS);
    must(ok || e->msg[0]);
    return ok;
}

static void render_twice(const struct template *t, const json_t *context)
{
    struct err first = {0}, second = {0};
    struct buf a, b;
    buf_init(&a, LIMIT_TEMPLATE_OUTPUT);
    buf_init(&b, LIMIT_TEMPLATE_OUTPUT);
    bool ok = render(t, context, &a, &first);
    must(render(t, context, &b, &second) == ok);
    must(ok ? str_eq(buf_view(&a), buf_view(&b)) : strcmp(first.msg, second.msg) == 0);
    must(!ok || str_utf8_valid(buf_view(&a)));
    buf_clear(&a);
    buf_clear(&b);
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
    struct str source = {(const char *)p, n}, variables = STR(conversation);
    struct err e = {0};
    size_t at = str_find(source, STR("\n#context\n"));
    if (at != SIZE_MAX) {
        variables = str_from(source, at + 10);
        source.n = at;
    }
    double start = cpu_seconds();
    struct template *t = template_parse(source, &e);
    must(cpu_seconds() - start < MOST_SECONDS);
    must(t || e.msg[0]);
    json_t *context = json_parse(variables, "context", &e);
    if (t && json_is_object(context))
        render_twice(t, context);
    json_decref(context);
    template_free(t);
    return 0;
}
