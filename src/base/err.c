/* SPDX-License-Identifier: Apache-2.0 */
/* base/err: see err.h. */
#include "base/err.h"

#include <libintl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static const struct {
    const char *name;
    int exit_status, http_status;
} err_table[] = {
#define X(code, name, exit_status, http_status) [code] = {name, exit_status, http_status},
    ERR_TABLE(X)
#undef X
};

/* Formats into out, marks a cut with "...", and makes the result one printable UTF-8 line. */
PRINTF_LIKE(3, 0)
static void format_line(char *out, size_t cap, const char *fmt, va_list ap)
{
    int n = vsnprintf(out, cap, fmt, ap);
    if (n < 0)
        out[0] = '\0';
    str_make_printable(out); /* may shorten it */
    if (n >= 0 && (size_t)n >= cap) {
        size_t end = strlen(out);
        end = str_utf8_floor(out, end < cap - 4 ? end : cap - 4);
        memcpy(out + end, "...", 4);
    }
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* gettext ids: msgfmt -c checks the formats  \
                                                      */

bool fail(struct err *e, enum err_code code, const char *fmt, ...)
{
    if (!e)
        return false;
    va_list ap;
    va_start(ap, fmt);
    e->code = code;
    format_line(e->msg, sizeof e->msg, gettext(fmt), ap);
    va_end(ap);
    return false;
}

bool err_at(struct err *e, const char *fmt, ...)
{
    if (!e)
        return false;
    char context[256], old[sizeof e->msg];
    va_list ap;
    va_start(ap, fmt);
    format_line(context, sizeof context, gettext(fmt), ap);
    va_end(ap);
    memcpy(old, e->msg, sizeof old);
    return fail(e, e->code, "%s: %s", context, old);
}

#pragma GCC diagnostic pop

const char *err_text(const char *id)
{
    return id[0] ? gettext(id) : id; /* "" would be the catalogue's own header */
}

const char *err_name(enum err_code code)
{
    return err_table[code].name;
}

int err_exit_status(enum err_code code)
{
    return err_table[code].exit_status;
}

int err_http_status(enum err_code code)
{
    return err_table[code].http_status;
}

_Noreturn void must_failed(const char *file, int line, const char *cond)
{
    fprintf(stderr, "moat: internal error at %s:%d: %s does not hold\n", file, line, cond);
    abort();
}
