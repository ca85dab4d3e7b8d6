/* SPDX-License-Identifier: Apache-2.0 */
/* run/agent_lines: see agent_lines.h. */
#include "run/agent_lines.h"

#include <string.h>

#include "base/buf.h"
#include "base/limits.h"

static const struct str accounting = {"x-anthropic-billing-header:", 27};

static void keep_lines(struct str rest, struct buf *out)
{
    while (rest.n) {
        const char *end = memchr(rest.p, '\n', rest.n);
        size_t n = end ? (size_t)(end - rest.p) + 1 : rest.n;
        if (!str_starts(rest, accounting))
            buf_add(out, rest.p, n);
        rest = str_from(rest, n);
    }
}

static bool drop_from(json_t *message, struct err *e)
{
    const json_t *content = json_object_get(message, "content");
    struct str text = {json_string_value(content), json_string_length(content)};
    if (!text.p || str_find(text, accounting) == SIZE_MAX)
        return true;
    struct buf kept;
    buf_init(&kept, LIMIT_JSON_BYTES);
    keep_lines(text, &kept);
    bool ok = buf_ok(&kept, "message", e) &&
              (json_object_set_new(message, "content", json_stringn(buf_c(&kept), kept.n)) == 0 ||
               fail(e, ERR_LIMIT, "out of memory"));
    buf_clear(&kept);
    return ok;
}

bool agent_lines_drop(json_t *messages, struct err *e)
{
    size_t i;
    json_t *m;
    json_array_foreach(messages, i, m)
    {
        const char *role = json_string_value(json_object_get(m, "role"));
        if (role && strcmp(role, "system") == 0 && !drop_from(m, e))
            return false;
    }
    return true;
}
