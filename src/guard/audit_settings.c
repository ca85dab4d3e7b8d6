/* SPDX-License-Identifier: Apache-2.0 */
/* guard/audit_settings: see audit_settings.h. */
#include "guard/audit_settings.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/os.h"
#include "guard/audit_key.h"

#define SETTINGS_BYTES (64u << 10)

static const char *const content_names[] = {"hash", "full", "none"};

void audit_settings_init(struct audit_settings *s)
{
    *s = (struct audit_settings){.segment_bytes = 16u << 20,
                                 .reserve = 64u << 20,
                                 .segment_seconds = 86400,
                                 .epoch_seconds = 60,
                                 .keep_days = 395,
                                 .syslog_socket = "/dev/log"};
}

const char *audit_content_name(enum audit_content c)
{
    return content_names[c];
}

bool audit_content_parse(struct str text, enum audit_content *c, struct err *e)
{
    for (int i = AUDIT_HASHES; i <= AUDIT_NOTHING; i++)
        if (str_is(text, content_names[i])) {
            *c = (enum audit_content)i;
            return true;
        }
    return fail(e, ERR_USAGE, "the content of an audit log is full, hash or none, not \"%.*s\"",
                STR_ARG(text));
}

/* --- JSON ----------------------------------------------------------------------------------------
 */

static json_t *public_json(const struct audit_settings *s)
{
    char text[SIGN_TEXT];
    json_t *auditors = json_array(), *removers = json_array();
    for (uint32_t i = 0; i < s->n_auditors; i++) {
        audit_recipient_text(s->auditors[i], text);
        json_array_append_new(auditors, json_string(text));
    }
    for (uint32_t i = 0; i < s->n_removers; i++) {
        sign_key_text(&s->removers[i], text);
        json_array_append_new(removers, json_string(text));
    }
    return json_pack("{so ss so si}", "auditors", auditors, "content", content_names[s->content],
                     "removers", removers, "keep_days", (int)s->keep_days);
}

bool audit_settings_public(const struct audit_settings *s, struct buf *out, struct err *e)
{
    buf_init(out, SETTINGS_BYTES);
    json_t *j = public_json(s);
    bool ok = j ? json_write(j, JSON_COMPACT, out, e) : fail(e, ERR_LIMIT, "out of memory");
    json_decref(j);
    return ok;
}

static bool number(const json_t *j, const char *name, uint64_t least, uint64_t most, uint64_t *out,
                   struct err *e)
{
    const json_t *v = json_object_get(j, name);
    if (!v)
        return true;
    if (!json_is_integer(v) || json_integer_value(v) < (json_int_t)least ||
        json_integer_value(v) > (json_int_t)most)
        return fail(e, ERR_USAGE, "%s: expected a whole number from %llu to %llu", name,
                    (unsigned long long)least, (unsigned long long)most);
    *out = (uint64_t)json_integer_value(v);
    return true;
}

static bool read_public(struct audit_settings *s, const json_t *j, struct err *e)
{
    const json_t *auditors = json_object_get(j, "auditors"),
                 *removers = json_object_get(j, "removers"),
                 *content = json_object_get(j, "content");
    size_t n = json_array_size(auditors), m = json_array_size(removers);
    uint64_t days = s->keep_days;
    if (n == 0 || n > AUDIT_RECIPIENTS || m > AUDIT_REMOVERS)
        return fail(e, ERR_CORRUPT, "an audit log has 1 to %d auditors, and %d removers at most",
                    AUDIT_RECIPIENTS, AUDIT_REMOVERS);
    for (size_t i = 0; i < n; i++)
        if (!audit_recipient_parse(str_of(json_string_value(json_array_get(auditors, i))),
                                   s->auditors[i], e))
            return false;
    for (size_t i = 0; i < m; i++)
        if (!sign_key_parse(&s->removers[i], str_of(json_string_value(json_array_get(removers, i))),
                            e))
            return false;
    s->n_auditors = (uint32_t)n;
    s->n_removers = (uint32_t)m;
    if (!number(j, "keep_days", AUDIT_KEEP_LEAST, 36500, &days, e))
        return false;
    s->keep_days = (uint32_t)days;
    return audit_content_parse(str_of(json_string_value(content)), &s->content, e);
}

bool audit_settings_from_segment(struct audit_settings *s, struct str text)
{
    struct err ignored;
    json_t *j = json_parse(text, "settings", &ignored);
    audit_settings_init(s);
    bool ok = j && read_public(s, j, &ignored);
    json_decref(j);
    return ok;
}

static bool read_limits(struct audit_settings *s, const json_t *j, struct err *e)
{
    uint64_t seconds = s->segment_seconds, epoch = s->epoch_seconds;
    if (!number(j, "segment_bytes", 4096, 1u << 30, &s->segment_bytes, e) ||
        !number(j, "segment_seconds", 1, 31u * 86400, &seconds, e) ||
        !number(j, "epoch_seconds", 1, 3600, &epoch, e) ||
        !number(j, "reserve", 0, 1ull << 40, &s->reserve, e))
        return false;
    s->segment_seconds = (uint32_t)seconds;
    s->epoch_seconds = (uint32_t)epoch;
    return true;
}

/* Without the key it stays as it is. */
static bool read_text(const json_t *v, char *out, size_t cap, struct err *e)
{
    if (!v)
        return true;
    struct str text = {json_string_value(v), json_string_length(v)};
    if (!text.p || text.n >= cap || memchr(text.p, '\0', text.n))
        return fail(e, ERR_USAGE, "a text of the witnesses is not one, or is too long");
    memcpy(out, text.p, text.n);
    out[text.n] = '\0';
    return true;
}

static bool read_witness(struct audit_settings *s, const json_t *j, struct err *e)
{
    const json_t *w = json_object_get(j, "witness"), *urls = json_object_get(w, "urls");
    s->syslog = json_is_true(json_object_get(w, "syslog"));
    s->spool = json_is_true(json_object_get(w, "spool"));
    if (json_array_size(urls) > AUDIT_URLS)
        return fail(e, ERR_LIMIT, "%d other machines are the most", AUDIT_URLS);
    s->n_urls = (uint32_t)json_array_size(urls);
    for (uint32_t i = 0; i < s->n_urls; i++)
        if (!read_text(json_array_get(urls, i), s->url[i], AUDIT_URL, e))
            return false;
    return read_text(json_object_get(w, "file"), s->witness_file, AUDIT_PATH, e) &&
           read_text(json_object_get(w, "syslog_socket"), s->syslog_socket, AUDIT_SOCKET, e) &&
           read_text(json_object_get(w, "token_file"), s->token_file, AUDIT_PATH, e) &&
           read_text(json_object_get(w, "ca"), s->ca, AUDIT_PATH, e);
}

static json_t *witness_json(const struct audit_settings *s)
{
    json_t *urls = json_array();
    for (uint32_t i = 0; i < s->n_urls; i++)
        json_array_append_new(urls, json_string(s->url[i]));
    return json_pack("{ss sb ss sb so ss ss}", "file", s->witness_file, "syslog", s->syslog,
                     "syslog_socket", s->syslog_socket, "spool", s->spool, "urls", urls,
                     "token_file", s->token_file, "ca", s->ca);
}

bool audit_settings_read(struct audit_settings *s, const char *path, struct err *e)
{
    json_t *j = json_read_file(path, SETTINGS_BYTES, e);
    audit_settings_init(s);
    bool ok = j && (json_integer_value(json_object_get(j, "version")) == 1 ||
                    fail(e, ERR_UNSUPPORTED, "it is of another version of moat"));
    ok = ok && read_public(s, j, e) && read_limits(s, j, e) && read_witness(s, j, e);
    bool read = j != NULL;
    json_decref(j);
    return ok || (read ? err_at(e, "%s", path) : false);
}

bool audit_settings_write(const struct audit_settings *s, const char *path, struct err *e)
{
    struct os_atomic_file f = {.fd = -1};
    struct buf text;
    json_t *j = public_json(s);
    json_t *more = json_pack("{si sI sI si si so}", "version", 1, "segment_bytes",
                             (json_int_t)s->segment_bytes, "reserve", (json_int_t)s->reserve,
                             "segment_seconds", (int)s->segment_seconds, "epoch_seconds",
                             (int)s->epoch_seconds, "witness", witness_json(s));
    buf_init(&text, SETTINGS_BYTES);
    bool ok = j && more && json_object_update(j, more) == 0
                  ? json_write(j, JSON_INDENT(1), &text, e)
                  : fail(e, ERR_LIMIT, "out of memory");
    buf_byte(&text, '\n');
    ok = ok && buf_ok(&text, "JSON", e) && os_atomic_open(&f, path, e);
    f.mode = 0600;
    ok = ok && os_atomic_write(&f, text.p, text.n, e) && os_atomic_commit(&f, e);
    os_atomic_close(&f);
    buf_clear(&text);
    json_decref(more);
    json_decref(j);
    return ok;
}
