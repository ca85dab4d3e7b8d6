/* SPDX-License-Identifier: Apache-2.0 */
/* cli/audit_show: see audit_show.h. A record is shown as a line of JSON to programs and as columns
 * to people, cleaned for the terminal. */
#include "cli/audit_show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
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

static void options_of(const struct audit_opts *o, struct audit_options *out)
{
    *out = (struct audit_options){.witnesses = o->witnesses,
                                  .n_witnesses = o->n_witnesses,
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

bool audit_show_verify(struct audit_opts *o, const char *word, struct err *e)
{
    struct audit_options options;
    struct audit_report r;
    char log[2 * HASH_BYTES + 1];
    options_of(o, &options);
    if (!no_word(word, e) || !audit_verify(o->path, &options, &r, e))
        return false;
    if (o->json)
        return print_json(report_json(&r), e);
    hash_hex(&r.log, log);
    printf(_("The audit log %s is whole: "), log);
    say_witness(&r);
    say_rest(&r);
    return true;
}

/* --- records -------------------------------------------------------------------------------------
 */

struct shown {
    const struct audit_opts *o;
    struct age *age; /* of an export */
    json_t *kept;    /* the last ones, a ring: array of objects */
    uint64_t n;
    json_t *acts; /* of stats: {"act phase outcome": n} */
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
    options_of(o, &reading.options);
    bool ok = audit_identity_read(&id, o->identity, e) && audit_read(o->path, &reading, r, e);
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
    const char *name = key && *key ? key : user ? user : "";
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

/* --- tail and stats ------------------------------------------------------------------------------
 */

bool audit_show_tail(struct audit_opts *o, const char *word, struct err *e)
{
    struct audit_options options;
    struct audit_report r;
    char line[AUDIT_LINE_BYTES], time[40];
    options_of(o, &options);
    if (!no_word(word, e) || !audit_verify(o->path, &options, &r, e))
        return false;
    audit_line(&r.last, &r.log, line);
    if (o->json)
        return print_json(json_pack("{ss sI ss ss}", "line", line, "records", (json_int_t)r.records,
                                    "ended", iso(r.ended, time), "content",
                                    audit_content_name(r.settings.content)),
                          e);
    puts(line);
    if (!o->line)
        printf(_("record %" PRIu64 ", %s\n"), r.records, iso(r.ended, time));
    return true;
}

static bool count_entry(void *arg, const struct audit_entry *entry, struct err *e)
{
    struct shown *s = arg;
    json_t *j = json_parse(entry->text, "record", e);
    char name[256];
    if (!j)
        return false;
    const char *part[] = {"act", "what", "phase", "outcome"};
    size_t n = 0;
    name[0] = '\0';
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        const char *text = json_string_value(json_object_get(j, part[i]));
        if (text)
            n += (size_t)snprintf(name + n, sizeof name - n, "%s%.40s", n ? " " : "", text);
    }
    if (json_object_size(s->acts) < 4096 || json_object_get(s->acts, name))
        json_object_set_new(s->acts, name,
                            json_integer(1 + json_integer_value(json_object_get(s->acts, name))));
    s->n++;
    json_decref(j);
    return true;
}

bool audit_show_stats(struct audit_opts *o, const char *word, struct err *e)
{
    struct audit_report r;
    struct shown s = {.o = o, .acts = json_object()};
    const char *name;
    json_t *n;
    bool ok = no_word(word, e) && read_log(o, &s, count_entry, &r, e);
    if (ok && o->json) {
        json_t *all = report_json(&r);
        json_object_set(all, "acts", s.acts);
        ok = print_json(all, e);
    } else if (ok) {
        say_witness(&r);
        json_object_foreach(s.acts, name, n)
        {
            printf("%8" JSON_INTEGER_FORMAT "  ", json_integer_value(n));
            struct buf clean;
            buf_init(&clean, 1024);
            term_clean(&clean, str_of(name));
            printf("%s\n", buf_c(&clean));
            buf_clear(&clean);
        }
    }
    json_decref(s.acts);
    return ok;
}
