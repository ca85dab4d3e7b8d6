/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_unpack: see logs_unpack.h. */
#include "work/logs_unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "work/logs_charset.h"
#include "work/logs_time.h"

#define PIECE_BYTES   ((size_t)1 << 16)
#define JOURNAL_LINES 5 /* looked at to tell a journal */

static bool is_compressed(struct str in)
{
    return str_starts(in, STR("\x1f\x8b")) || str_starts(in, STR("\x28\xb5\x2f\xfd")) ||
           str_starts(in, STR("\xfd"
                              "7zXZ")) ||
           (str_starts(in, STR("BZh")) && in.n > 4 && in.p[4] == '1');
}

/* Every one of the first lines is an object with a message. */
static bool is_journal(struct str in)
{
    struct str line;
    int n = 0;
    while (n < JOURNAL_LINES && in.n && in.p[0] == '{' && str_cut(&in, '\n', &line)) {
        line = str_sub(line, 0, 1u << 16);
        if (str_find(line, STR("\"MESSAGE\"")) == SIZE_MAX ||
            str_find(line, STR("\"__REALTIME_TIMESTAMP\"")) == SIZE_MAX)
            return false;
        n++;
    }
    return n > 0 && (n == JOURNAL_LINES || !in.n);
}

bool logs_is_packed(struct str in)
{
    return is_compressed(in) || is_journal(in) || logs_charset_of(in) != LOGS_BYTES;
}

/* --- compressed ----------------------------------------------------------------------------------
 */

static bool read_all(struct archive *a, const char *name, struct buf *out, struct err *e)
{
    char piece[PIECE_BYTES];
    for (;;) {
        la_ssize_t n = archive_read_data(a, piece, sizeof piece);
        if (n < 0)
            return fail(e, ERR_CORRUPT, "%s cannot be unpacked: %s", name,
                        archive_error_string(a) ? archive_error_string(a) : "?");
        if (n == 0)
            return true;
        buf_add(out, piece, (size_t)n);
        if (!buf_ok(out, "the unpacked log", e))
            return false;
    }
}

static bool decompress(struct str in, const char *name, struct buf *out, struct err *e)
{
    struct archive *a = archive_read_new();
    struct archive_entry *entry;
    if (!a)
        return fail(e, ERR_LIMIT, "not enough memory to unpack %s", name);
    archive_read_support_filter_gzip(a);
    archive_read_support_filter_zstd(a);
    archive_read_support_filter_xz(a);
    archive_read_support_filter_bzip2(a);
    archive_read_support_format_raw(a);
    bool ok = archive_read_open_memory(a, in.p, in.n) == ARCHIVE_OK &&
              archive_read_next_header(a, &entry) == ARCHIVE_OK;
    if (ok)
        ok = read_all(a, name, out, e);
    else
        fail(e, ERR_CORRUPT, "%s cannot be unpacked: %s", name,
             archive_error_string(a) ? archive_error_string(a) : "?");
    archive_read_free(a);
    return ok;
}

/* --- the journal ---------------------------------------------------------------------------------
 */

static struct str member(const json_t *j, const char *name)
{
    const json_t *v = json_object_get(j, name);
    return json_is_string(v) ? (struct str){json_string_value(v), json_string_length(v)}
                             : (struct str){"", 0};
}

/* A message that is no text comes as an array of bytes. */
static void add_message(const json_t *j, struct buf *out)
{
    const json_t *v = json_object_get(j, "MESSAGE");
    size_t from = out->n;
    buf_str(out, member(j, "MESSAGE"));
    for (size_t i = 0; i < json_array_size(v); i++)
        buf_byte(out, (char)json_integer_value(json_array_get(v, i)));
    for (size_t i = from; i < out->n; i++)
        if (out->p[i] == '\n' || out->p[i] == '\r')
            out->p[i] = ' ';
}

static void add_entry(const json_t *j, struct buf *out)
{
    static const char *const levels[] = {"EMERG",   "ALERT",  "CRIT", "ERROR",
                                         "WARNING", "NOTICE", "INFO", "DEBUG"};
    struct str level = member(j, "PRIORITY"), unit = member(j, "SYSLOG_IDENTIFIER"),
               pid = member(j, "_PID");
    uint64_t us = 0;
    char when[32];
    if (!str_to_u64(member(j, "__REALTIME_TIMESTAMP"), &us))
        us = 0;
    logs_time_text((int64_t)(us / 1000), when);
    buf_fmt(out, "%.10sT%s.%03uZ %s ", when, when + 11, (unsigned)(us / 1000 % 1000),
            level.n == 1 && level.p[0] >= '0' && level.p[0] < '8' ? levels[level.p[0] - '0']
                                                                  : "INFO");
    for (size_t i = 0; i < unit.n; i++)
        buf_byte(out, unit.p[i] == ' ' || unit.p[i] == '\n' ? '_' : unit.p[i]);
    buf_cstr(out, unit.n ? "" : "journal");
    if (pid.n) {
        buf_byte(out, '[');
        buf_str(out, pid);
        buf_byte(out, ']');
    }
    buf_cstr(out, ": ");
    add_message(j, out);
    buf_byte(out, '\n');
}

/* A line that is no object stays as it is: nothing readable is lost. */
static void from_journal(struct str in, struct buf *out)
{
    struct str line;
    struct err e;
    while (in.n && str_cut(&in, '\n', &line)) {
        json_t *j = line.n && line.p[0] == '{' ? json_parse(line, "the journal", &e) : NULL;
        if (json_is_object(j)) {
            add_entry(j, out);
        } else if (line.n) {
            buf_str(out, line);
            buf_byte(out, '\n');
        }
        json_decref(j);
    }
}

/* --- all -----------------------------------------------------------------------------------------
 */

bool logs_unpack(struct str in, const char *name, struct buf *out, struct err *e)
{
    struct buf text;
    bool ok;
    if (is_compressed(in)) {
        if (!decompress(in, name, out, e))
            return false;
        if (!logs_is_packed(buf_view(out)) || is_compressed(buf_view(out)))
            return true;
        text = *out;
        buf_init(out, LIMIT_LOGS_PIPE);
        ok = logs_unpack(buf_view(&text), name, out, e);
        buf_clear(&text);
        return ok;
    }
    if (is_journal(in))
        from_journal(in, out);
    else if (!logs_charset_decode(logs_charset_of(in), in, out, e))
        return false;
    return buf_ok(out, "the unpacked log", e);
}
