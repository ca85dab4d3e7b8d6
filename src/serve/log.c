/* SPDX-License-Identifier: Apache-2.0 */
/* serve/log: see log.h. Each line is written at once, so that lines of several processes do not
 * mix. */
#include "serve/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/os.h"
#include "serve/exchange.h"

/* JSON lets pass what would act on a terminal or turn the text round: DEL, C1, bidi controls. */
static void add_escaped(struct buf *out, struct str s)
{
    for (size_t at = 0; at < s.n;) {
        uint32_t c = str_utf8_next(s, &at);
        bool harmful = (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f ||
                       (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
        if (harmful)
            buf_fmt(out, "\\u%04x", c);
        else
            buf_utf8(out, c);
    }
}

static void write_line(json_t *j)
{
    struct buf line, text;
    buf_init(&line, 6 * 16384);
    buf_init(&text, 16384);
    if (j && json_write(j, JSON_COMPACT | JSON_REAL_PRECISION(6), &text, NULL)) {
        add_escaped(&line, buf_view(&text));
        buf_byte(&line, '\n');
        ssize_t n = write(STDERR_FILENO, buf_c(&line), line.n);
        (void)n; /* nobody to tell */
    }
    json_decref(j);
    buf_clear(&line);
    buf_clear(&text);
}

static const char *now(char out[48])
{
    struct timespec t = {0};
    struct tm tm = {0};
    clock_gettime(CLOCK_REALTIME, &t);
    gmtime_r(&t.tv_sec, &tm);
    snprintf(out, 48, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (tm.tm_year + 1900) % 10000,
             tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
             (int)(t.tv_nsec / 1000000 % 1000));
    return out;
}

void log_exchange(const struct exchange *x, bool gone)
{
    char time[48];
    double ms = (double)(os_now_ns() - x->start_ns) / 1e6;
    json_t *j = json_pack("{ss ss ss ss ss si sf ss* ss*}", "time", now(time), "event", "request",
                          "request", x->id, "method", http_method_name(x->route->method), "route",
                          x->route->path, "status", gone ? 499 : x->status, "ms", ms, "model",
                          x->model, "key", x->conn->key_id[0] ? x->conn->key_id : NULL);
    if (x->route->dialect == DIALECT_MIRROR)
        json_object_set_new(j, "bytes", json_integer((json_int_t)x->n_bytes));
    else
        json_object_update_new(j, json_pack("{si si si}", "prompt_tokens", (int)x->n_prompt,
                                            "cached_tokens", (int)x->n_cached, "completion_tokens",
                                            (int)x->n_generated));
    if (x->n_unknown)
        json_object_set_new(j, "unknown_fields", json_integer(x->n_unknown));
    const char *error = gone && !x->error ? err_name(ERR_CANCELLED) : x->error;
    if (error)
        json_object_set_new(j, "error", json_string(error));
    write_line(j);
}

void log_refusal(const char *id, int status, enum err_code code)
{
    char time[48];
    write_line(json_pack("{ss ss ss si ss}", "time", now(time), "event", "refused", "request", id,
                         "status", status, "error", err_name(code)));
}

void log_event(const char *event, const char *fmt, ...)
{
    char time[48], words[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    str_make_printable(words);
    write_line(json_pack("{ss ss ss si}", "time", now(time), "event", event, "detail", words, "pid",
                         (int)getpid()));
}
