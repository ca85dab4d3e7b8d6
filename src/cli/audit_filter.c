/* SPDX-License-Identifier: Apache-2.0 */
/* cli/audit_filter: see audit_filter.h. */
#include "cli/audit_filter.h"

#include <stdio.h>
#include <string.h>

#include "guard/keys.h"

#define SECOND_NS 1000000000ull

/* --- time ----------------------------------------------------------------------------------------
 */

bool audit_filter_time(struct str text, uint64_t now_ns, uint64_t *ns, struct err *e)
{
    int64_t at, span, now = (int64_t)(now_ns / SECOND_NS);
    if (key_span(text, &span))
        at = now - span;
    else if (!key_date(text, &at))
        return fail(e, ERR_USAGE,
                    "\"%.*s\" is no time; write 2026-11-28, 2026-11-28T15:04:05Z, or 90m, 36h, 7d "
                    "before now",
                    STR_ARG(text));
    const uint64_t most = UINT64_MAX / SECOND_NS; /* in the year 2554 */
    *ns = at <= 0 ? 1 : (uint64_t)at >= most ? UINT64_MAX : (uint64_t)at * SECOND_NS;
    return true;
}

/* --- records -------------------------------------------------------------------------------------
 */

static bool is_text(const json_t *j, const char *name, const char *text)
{
    const char *is = json_string_value(json_object_get(j, name));
    return is && strcmp(is, text) == 0;
}

static bool is_of(const json_t *j, const char *who)
{
    const json_t *w = json_object_get(j, "who"), *uid = json_object_get(w, "uid");
    char number[40] = "";
    if (json_is_integer(uid))
        snprintf(number, sizeof number, "uid %" JSON_INTEGER_FORMAT, json_integer_value(uid));
    return is_text(w, "key", who) || is_text(w, "from", who) || strcmp(number, who) == 0;
}

bool audit_filter_lets(const struct audit_filter *f, const json_t *record)
{
    uint64_t t = (uint64_t)json_integer_value(json_object_get(record, "t"));
    bool any = f->n_acts == 0;
    for (uint32_t i = 0; i < f->n_acts && !any; i++)
        any = is_text(record, "act", f->act[i]) || is_text(record, "what", f->act[i]);
    return any && t >= f->since_ns && (!f->until_ns || t < f->until_ns) &&
           (!f->who || is_of(record, f->who));
}
