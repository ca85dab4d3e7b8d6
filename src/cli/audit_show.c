/* SPDX-License-Identifier: Apache-2.0 */
/* cli/audit_show: see audit_show.h. A record is shown as a line of JSON to programs and as columns
 * to people, cleaned for the terminal. */
#include "cli/audit_show.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/audit_follow.h"
#include "cli/audit_tell.h"
#include "cli/opts.h"
#include "cli/table.h"
#include "cli/term.h"
#include "guard/age.h"
#include "guard/audit.h"
#include "guard/audit_read.h"

static const char *iso(uint64_t ns, char out[40])
{
    struct tm t = {0};
    time_t at = (time_t)(ns / 1000000000u);
    char day[32];
    out[0] = '\0';
    if (ns && gmtime_r(&at, &t)) {
        strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &t);
        snprintf(out, 40, "%s.%03uZ", day, (unsigned)(ns / 1000000 % 1000));
    }
    return out;
}

static bool print_json(json_t *j, struct err *e)
{
    struct buf out;
    buf_init(&out, 8u << 20);
    /* ASCII: whatever is in a record, a terminal that shows it stays as it is */
    bool ok = j ? json_write(j, JSON_COMPACT | JSON_ENSURE_ASCII, &out, e)
                : fail(e, ERR_LIMIT, "out of memory");
    if (ok)
        puts(buf_c(&out));
    buf_clear(&out);
    json_decref(j);
    return ok;
}

/* The witnesses among them that are addresses have been asked. */
static void options_of(const struct audit_opts *o, const struct audit_asked *asked,
                       struct audit_options *out)
{
    *out = (struct audit_options){.witnesses = asked->path,
                                  .n_witnesses = asked->n,
                                  .log = o->log,
                                  .removers = o->settings.removers,
                                  .n_removers = o->settings.n_removers};
}

static bool no_word(const char *word, struct err *e)
{
    return !word || fail(e, ERR_USAGE, "moat audit: \"%s\" is one word too many", word);
}

/* --- verify --------------------------------------------------------------------------------------
 */

static json_t *report_json(const struct audit_report *r)
{
    char log[2 * HASH_BYTES + 1], root[2 * HASH_BYTES + 1], begun[40], ended[40];
    hash_hex(&r->log, log);
    hash_hex(&r->last.root, root);
    return json_pack(
        "{sb ss sI sI sI si si si sI sI sI sI sI sI sI sI sb ss ss ss}", "ok", true, "log", log,
        "records", (json_int_t)r->records, "first_record", (json_int_t)r->first_record, "leaves",
        (json_int_t)r->leaves, "segments", (int)r->segments, "first_segment", (int)r->first_segment,
        "removed_segments", (int)r->removed_segments, "epochs", (json_int_t)r->epochs, "sessions",
        (json_int_t)r->sessions, "unclosed", (json_int_t)r->unclosed, "gaps", (json_int_t)r->gaps,
        "clock_back", (json_int_t)r->clock_back, "tail_bytes", (json_int_t)r->tail_bytes, "tails",
        (json_int_t)r->tails, "witnessed", (json_int_t)r->witnessed_records, "anchored",
        r->anchored, "root", root, "begun", iso(r->begun, begun), "ended", iso(r->ended, ended));
}

static void say_witness(const struct audit_report *r)
{
    if (r->witnessed_records)
        printf(_("complete to record %" PRIu64 ", witnessed to record %" PRIu64 "\n"), r->records,
               r->witnessed_records);
    else
        printf(_("complete to record %" PRIu64
                 ", not witnessed: that nothing is gone from the end cannot be told without "
                 "--witness FILE\n"),
               r->records);
}

static void say_rest(const struct audit_report *r)
{
    if (r->tail_bytes)
        printf(_("%" PRIu64
                 " bytes at the end belong to no checkpoint: a writer died there, or the "
                 "last flush was changed\n"),
               r->tail_bytes);
    if (r->tails)
        printf(_("%" PRIu64 " earlier segments end with an unfinished flush\n"), r->tails);
    if (r->unclosed)
        printf(_("%" PRIu64 " of %" PRIu64 " sessions are not closed: they run, or died\n"),
               r->unclosed, r->sessions);
    if (r->gaps)
        printf(_("the heartbeat has %" PRIu64 " gaps\n"), r->gaps);
    if (r->clock_back)
        printf(_("the clock was set back %" PRIu64 " times\n"), r->clock_back);
    if (r->removed_segments)
        printf(r->anchored
                   ? _("%u segments were removed, by those who may\n")
                   : _("%u segments were removed, by those whom the log itself names: check "
                       "with --remover\n"),
               r->removed_segments);
}

static bool verify(const struct audit_opts *o, struct audit_report *r, struct err *e)
{
    struct audit_options options;
    struct audit_asked asked;
    bool ok = audit_tell_ask(o, &asked, e);
    options_of(o, &asked, &options);
    ok = ok && audit_verify(o->path, &options, r, e);
    audit_tell_forget(&asked);
    return ok;
}

bool audit_show_verify(struct audit_opts *o, const char *word, struct err *e)
{
    struct audit_report r;
    char log[2 * HASH_BYTES + 1];
    if (!no_word(word, e) || !verify(o, &r, e))
        return false;
    if (o->json) {
        json_t *j = report_json(&r);
        json_object_set_new(j, "sent", audit_tell_json(o->path));
        return print_json(j, e);
    }
    hash_hex(&r.log, log);
    printf(_("The audit log %s is whole: "), log);
    say_witness(&r);
    say_rest(&r);
    audit_tell_say(o->path);
    return true;
}

/* --- records -------------------------------------------------------------------------------------
 */

enum { TAIL_RECORDS = 10 };

struct shown {
    const struct audit_opts *o;
    struct age *age; /* of an export */
    json_t *kept;    /* the last ones, a ring: array of objects */
    uint64_t n;
    json_t *acts; /* of stats */
};

static json_t *entry_json(const struct audit_entry *entry, struct err *e)
{
    static const char *const kinds[] = {
        [AUDIT_OPEN] = "open", [AUDIT_CLOSE] = "close", [AUDIT_BEAT] = "beat", [AUDIT_ACT] = "act"};
    json_t *j = json_parse(entry->text, "record", e);
    if (j) {
        json_object_set_new(j, "record", json_integer((json_int_t)entry->number));
        json_object_set_new(j, "session", json_integer((json_int_t)entry->session));
        json_object_set_new(j, "kind", json_string(kinds[entry->kind]));
    }
    return j;
}

static bool on_entry(void *arg, const struct audit_entry *entry, struct err *e)
{
    struct shown *s = arg;
    json_t *j = entry_json(entry, e);
    struct buf line;
    bool ok = j != NULL;
    if (ok && !audit_filter_lets(&s->o->filter, j)) {
        json_decref(j);
        return true;
    }
    s->n++;
    buf_init(&line, 8u << 20);
    if (ok && s->age) {
        ok = json_write(j, JSON_COMPACT, &line, e);
        buf_byte(&line, '\n');
        ok = ok && buf_ok(&line, "record", e) && age_add(s->age, buf_view(&line), e);
    } else if (ok && s->o->last) {
        size_t at = (size_t)((s->n - 1) % s->o->last);
        if (at < json_array_size(s->kept))
            json_array_set(s->kept, at, j);
        else
            json_array_append(s->kept, j);
    } else if (ok) {
        json_array_append(s->kept, j);
    }
    buf_clear(&line);
    json_decref(j);
    return ok;
}

static bool read_log(const struct audit_opts *o, struct shown *s, audit_entry_fn *fn,
                     struct audit_report *r, struct err *e)
{
    struct audit_identity id;
    struct audit_reading reading = {.identity = &id, .fn = fn, .arg = s};
    if (!o->identity)
        return fail(e, ERR_USAGE,
                    "the log is encrypted: give the secret key of an auditor with --identity FILE");
    struct audit_asked asked;
    bool ok = audit_tell_ask(o, &asked, e);
    options_of(o, &asked, &reading.options);
    ok = ok && audit_identity_read(&id, o->identity, e) && audit_read(o->path, &reading, r, e);
    audit_tell_forget(&asked);
    if (ok && reading.unread)
        fprintf(stderr, _("%" PRIu64 " records are encrypted to other auditors\n"), reading.unread);
    audit_identity_clear(&id);
    return ok;
}

static void cell_of(struct table *t, const json_t *j, const char *name)
{
    const char *text = json_string_value(json_object_get(j, name));
    table_cell(t, str_of(text ? text : ""));
}

static void who_cell(struct table *t, const json_t *j)
{
    const json_t *who = json_object_get(j, "who");
    const char *key = json_string_value(json_object_get(who, "key")),
               *user = json_string_value(json_object_get(who, "user")),
               *from = json_string_value(json_object_get(who, "from"));
    if (!who)
        user = json_string_value(json_object_get(j, "user"));
    const json_t *uid = json_object_get(who, "uid");
    char number[32] = "";
    if (json_is_integer(uid))
        snprintf(number, sizeof number, "uid %" JSON_INTEGER_FORMAT, json_integer_value(uid));
    const char *name = key && *key ? key : user ? user : number;
    table_fmt(t, "%s%s%s", name, from && *from && *name ? " " : "", from ? from : "");
}

static bool print_table(const struct shown *s, struct err *e)
{
    struct table t;
    char time[40];
    size_t n = json_array_size(s->kept), from = s->o->last && s->n > n ? s->n % n : 0;
    table_init(&t, "rllllllll");
    for (const char *const *h =
             (const char *const[]){N_("RECORD"), N_("TIME"), N_("ACT"), N_("PHASE"), N_("WHAT"),
                                   N_("WHO"), N_("MODEL"), N_("OUTCOME"), N_("ID"), NULL};
         *h; h++)
        table_cell(&t, str_of(_(*h)));
    for (size_t i = 0; i < n; i++) {
        const json_t *j = json_array_get(s->kept, (from + i) % n);
        table_fmt(&t, "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(j, "record")));
        table_cell(&t, str_of(iso((uint64_t)json_integer_value(json_object_get(j, "t")), time)));
        cell_of(&t, j, "act");
        cell_of(&t, j, "phase");
        cell_of(&t, j, "what");
        who_cell(&t, j);
        cell_of(&t, j, "model");
        cell_of(&t, j, "outcome");
        cell_of(&t, j, "id");
    }
    bool ok = table_print(&t, true, e);
    table_clear(&t);
    return ok;
}

static bool print_lines(const struct shown *s, struct err *e)
{
    size_t n = json_array_size(s->kept), from = s->o->last && s->n > n ? s->n % n : 0;
    for (size_t i = 0; i < n; i++)
        if (!print_json(json_incref(json_array_get(s->kept, (from + i) % n)), e))
            return false;
    return true;
}

bool audit_show_list(struct audit_opts *o, const char *word, struct err *e)
{
    struct audit_report r;
    struct shown s = {.o = o, .kept = json_array()};
    bool ok = no_word(word, e) && read_log(o, &s, on_entry, &r, e) &&
              (o->json ? print_lines(&s, e) : print_table(&s, e));
    json_decref(s.kept);
    return ok;
}

/* --- export --------------------------------------------------------------------------------------
 */

static bool write_export(const struct audit_opts *o, struct shown *s, struct os_atomic_file *f,
                         struct err *e)
{
    struct audit_report r;
    struct audit_identity id;
    uint8_t own[AGE_KEY];
    const uint8_t(*to)[AGE_KEY] = o->settings.auditors;
    uint32_t n = o->settings.n_auditors;
    if (!n && o->identity) { /* to who reads it */
        if (!audit_identity_read(&id, o->identity, e))
            return false;
        memcpy(own, id.public, AGE_KEY);
        audit_identity_clear(&id);
        to = (const uint8_t(*)[AGE_KEY]) & own;
        n = 1;
    }
    return age_begin(s->age, f, to, n, e) && read_log(o, s, on_entry, &r, e) && age_end(s->age, e);
}

bool audit_show_export(struct audit_opts *o, const char *word, struct err *e)
{
    struct os_atomic_file f = {.fd = -1};
    struct shown s = {.o = o, .age = mem_new(1, sizeof *s.age, e)};
    struct stat st;
    if (!s.age)
        return false;
    bool ok = word != NULL || fail(e, ERR_USAGE, "moat audit export needs the name of a file");
    if (ok && lstat(word, &st) == 0)
        ok = fail(e, ERR_USAGE, "%s is there already", word);
    ok = ok && os_atomic_open(&f, word, e);
    f.mode = 0600;
    ok = ok && write_export(o, &s, &f, e) && os_atomic_commit(&f, e);
    os_atomic_close(&f);
    age_clear(s.age);
    mem_free(s.age);
    if (ok)
        printf(_("%" PRIu64 " records are in %s; age -d -i KEY %s opens it\n"), s.n, word, word);
    return ok;
}

/* --- tail ----------------------------------------------------------------------------------------
 */

bool audit_show_entry(const struct audit_entry *entry, const struct audit_opts *o, bool *shown,
                      struct err *e)
{
    static const char *const names[] = {"act", "phase", "what", "model", "outcome", "id"};
    char time[40];
    json_t *j = entry_json(entry, e);
    *shown = j && audit_filter_lets(&o->filter, j);
    if (!*shown) {
        bool read = j != NULL;
        json_decref(j);
        return read;
    }
    if (o->json)
        return print_json(j, e);
    struct buf line;
    buf_init(&line, 64u << 10);
    printf("%" PRIu64 "  %s", entry->number,
           iso((uint64_t)json_integer_value(json_object_get(j, "t")), time));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *text = json_string_value(json_object_get(j, names[i]));
        buf_reset(&line);
        term_clean(&line, str_of(text));
        if (line.n)
            printf("  %s", buf_c(&line));
    }
    putchar('\n');
    buf_clear(&line);
    json_decref(j);
    return true;
}

static bool print_end(const struct audit_opts *o, const struct audit_report *r, struct err *e)
{
    char line[AUDIT_LINE_BYTES], time[40];
    audit_line(&r->last, &r->log, line);
    if (o->json)
        return print_json(json_pack("{ss sI ss ss}", "line", line, "records",
                                    (json_int_t)r->records, "ended", iso(r->ended, time), "content",
                                    audit_content_name(r->settings.content)),
                          e);
    puts(line);
    if (!o->line)
        printf(_("record %" PRIu64 ", %s\n"), r->records, iso(r->ended, time));
    return true;
}

/* The last ones, and then whatever comes. */
static bool follow(struct audit_opts *o, struct err *e)
{
    struct audit_report r;
    struct shown s = {.o = o, .kept = json_array()};
    bool ok;
    o->last = o->last ? o->last : TAIL_RECORDS;
    if (o->identity)
        ok =
            read_log(o, &s, on_entry, &r, e) && (o->json ? print_lines(&s, e) : print_table(&s, e));
    else
        ok = verify(o, &r, e) && print_end(o, &r, e);
    json_decref(s.kept);
    return ok && audit_follow_show(o, r.records, e);
}

bool audit_show_tail(struct audit_opts *o, const char *word, struct err *e)
{
    struct audit_report r;
    if (!no_word(word, e))
        return false;
    return o->follow ? follow(o, e) : verify(o, &r, e) && print_end(o, &r, e);
}

/* --- stats ---------------------------------------------------------------------------------------
 */

static const char *const parts[] = {"act", "what", "phase", "outcome"};
enum { N_PARTS = sizeof parts / sizeof *parts };

/* s->acts: {"act what phase outcome": {"n", and each of them}}. */
static bool count_entry(void *arg, const struct audit_entry *entry, struct err *e)
{
    struct shown *s = arg;
    json_t *j = json_parse(entry->text, "record", e);
    char name[256] = "";
    size_t n = 0;
    if (!j)
        return false;
    if (!audit_filter_lets(&s->o->filter, j)) {
        json_decref(j);
        return true;
    }
    for (size_t i = 0; i < N_PARTS; i++) {
        const char *text = json_string_value(json_object_get(j, parts[i]));
        if (text)
            n += (size_t)snprintf(name + n, sizeof name - n, "%s%.40s", n ? " " : "", text);
    }
    json_t *row = json_object_get(s->acts, name);
    if (!row && json_object_size(s->acts) < 4096) {
        row = json_object();
        for (size_t i = 0; i < N_PARTS; i++)
            json_object_set(row, parts[i], json_object_get(j, parts[i]));
        json_object_set_new(s->acts, name, row);
    }
    if (row)
        json_object_set_new(row, "n",
                            json_integer(1 + json_integer_value(json_object_get(row, "n"))));
    s->n++;
    json_decref(j);
    return true;
}

static int by_count(const void *a, const void *b)
{
    const json_t *const *x = a, *const *y = b;
    json_int_t n = json_integer_value(json_object_get(*x, "n")),
               m = json_integer_value(json_object_get(*y, "n"));
    return (m > n) - (m < n);
}

static bool print_counts(json_t *acts, struct err *e)
{
    struct table t;
    size_t n = 0;
    const char *name;
    json_t *row;
    const json_t **v = mem_new(json_object_size(acts) + 1, sizeof *v, e);
    if (!v)
        return false;
    json_object_foreach(acts, name, row) v[n++] = row;
    qsort(v, n, sizeof *v, by_count);
    table_init(&t, "rllll");
    for (const char *const *h = (const char *const[]){N_("COUNT"), N_("ACT"), N_("WHAT"),
                                                      N_("PHASE"), N_("OUTCOME"), NULL};
         *h; h++)
        table_cell(&t, str_of(_(*h)));
    for (size_t i = 0; i < n; i++) {
        table_fmt(&t, "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(v[i], "n")));
        for (size_t k = 0; k < N_PARTS; k++)
            cell_of(&t, v[i], parts[k]);
    }
    bool ok = table_print(&t, true, e);
    table_clear(&t);
    mem_free(v);
    return ok;
}

static json_t *counts_json(json_t *acts)
{
    json_t *plain = json_object(), *row;
    const char *name;
    json_object_foreach(acts, name, row) json_object_set(plain, name, json_object_get(row, "n"));
    return plain;
}

bool audit_show_stats(struct audit_opts *o, const char *word, struct err *e)
{
    struct audit_report r;
    struct shown s = {.o = o, .acts = json_object()};
    char begun[40], ended[40];
    bool ok = no_word(word, e) && read_log(o, &s, count_entry, &r, e);
    if (ok && o->json) {
        json_t *all = report_json(&r);
        json_object_set_new(all, "acts", counts_json(s.acts));
        json_object_set_new(all, "sent", audit_tell_json(o->path));
        ok = print_json(all, e);
    } else if (ok) {
        printf(_("from %s to %s: "), iso(r.begun, begun), iso(r.ended, ended));
        say_witness(&r);
        audit_tell_say(o->path);
        ok = print_counts(s.acts, e);
    }
    json_decref(s.acts);
    return ok;
}
