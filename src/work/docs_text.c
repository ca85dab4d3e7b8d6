/* SPDX-License-Identifier: Apache-2.0 */
/* work/docs_text: see docs_text.h. */
#include "work/docs_text.h"

#include <string.h>

#include "work/logs_unpack.h"

#define LOOKED_AT 4096u /* bytes that tell what it is */

/* The name without what compressors append. */
static struct str bare_name(const char *name)
{
    static const char *const endings[] = {".gz", ".zst", ".xz", ".bz2"};
    struct str s = str_of(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (str_ends(s, str_of(endings[i])))
            s.n -= strlen(endings[i]);
    return s;
}

/* "tar.1", "printf.3posix" */
static bool names_manual(struct str name)
{
    size_t at = name.n;
    while (at > 0 && name.p[at - 1] != '.' && name.p[at - 1] != '/')
        at--;
    return at > 1 && name.p[at - 1] == '.' && at < name.n && name.p[at] >= '1' &&
           name.p[at] <= '9' && name.n - at < 8;
}

static bool begins_as_manual(struct str text)
{
    static const char *const marks[] = {".\\\"", "'\\\"", ".TH ", ".Dd "};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (str_starts(text, str_of(marks[i])))
            return true;
    return false;
}

static enum docs_kind kind_of(struct str name, struct str text)
{
    if (begins_as_manual(text) || (names_manual(name) && text.n && text.p[0] == '.'))
        return DOCS_ROFF;
    return str_ends(name, STR(".md")) || str_ends(name, STR(".markdown")) ? DOCS_MARKDOWN
                                                                          : DOCS_PLAIN;
}

static bool is_text(struct str text)
{
    struct str head = str_sub(text, 0, LOOKED_AT);
    if (memchr(head.p ? head.p : "", '\0', head.n))
        return false;
    head.n = head.n < text.n ? str_utf8_floor(head.p, head.n) : head.n;
    return str_utf8_valid(head);
}

/* Bytes that are no UTF-8 become U+FFFD. */
static void add_valid(struct str text, struct buf *out)
{
    if (str_utf8_valid(text)) {
        buf_str(out, text);
        return;
    }
    for (size_t at = 0; at < text.n;)
        buf_utf8(out, str_utf8_next(text, &at));
}

bool docs_text(struct str raw, const char *name, struct buf *out, enum docs_kind *kind,
               struct err *e)
{
    struct buf unpacked;
    buf_init(&unpacked, out->max);
    bool packed = logs_is_packed(raw);
    bool ok = !packed || logs_unpack(raw, name, &unpacked, e);
    struct str text = packed ? buf_view(&unpacked) : raw;
    if (ok && !is_text(text))
        ok = fail(e, ERR_UNSUPPORTED, "%s is no text", name);
    if (ok) {
        *kind = kind_of(bare_name(name), text);
        if (*kind == DOCS_ROFF)
            docs_roff(text, out);
        else
            add_valid(text, out);
        ok = buf_ok(out, name, e);
    }
    buf_clear(&unpacked);
    return ok;
}
