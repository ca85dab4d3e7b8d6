/* SPDX-License-Identifier: Apache-2.0 */
/* cli/pull_show: see pull_show.h. */
#include "cli/pull_show.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/os.h"
#include "cli/interrupt.h"
#include "cli/opts.h"

#define SECOND 1000000000ull

static void print_line(json_t *j)
{
    struct buf out;
    buf_init(&out, LIMIT_JSON_BYTES);
    if (j && json_write(j, JSON_COMPACT, &out, NULL)) {
        puts(buf_c(&out));
        fflush(stdout);
    }
    buf_clear(&out);
    json_decref(j);
}

static void print_progress(struct pull_show *s, const struct event *v)
{
    uint64_t now = os_now_ns();
    progress_measure(&s->bar, v->done);
    if (now - s->told_ns < SECOND && v->done != v->total)
        return;
    s->told_ns = now;
    json_t *j = json_pack("{s:s, s:I, s:I, s:I, s:i, s:I}", "event", "progress", "done",
                          (json_int_t)v->done, "total", (json_int_t)v->total, "received",
                          (json_int_t)v->received, "connections", (int)v->connections, "rate",
                          (json_int_t)s->bar.rate);
    if (j && s->bar.rate > 0)
        json_object_set_new(j, "eta_s",
                            json_integer((json_int_t)((double)(v->total - v->done) / s->bar.rate)));
    print_line(j);
}

static void print_note(struct pull_show *s, const struct event *v)
{
    if (s->json) {
        print_line(json_pack("{s:s, s:s, s:s, s:s}", "event", "note", "source", v->from, "code",
                             err_name(v->code), "text", v->text));
        return;
    }
    progress_end(&s->bar);
    fprintf(stderr, "%s: %s\n", v->from, v->text);
}

/* The role's words are printed to a terminal: nothing but printable text may be in them. */
static void clean(const char *text, char *out, size_t cap)
{
    snprintf(out, cap, "%s", text);
    str_make_printable(out);
}

static bool on_event(void *arg, const struct event *v)
{
    struct pull_show *s = arg;
    if (v->kind == EVENT_NOTE) {
        char text[1024], from[LIMIT_URL_BYTES];
        struct event shown = *v;
        clean(v->text, text, sizeof text);
        clean(v->from, from, sizeof from);
        shown.text = text;
        shown.from = from;
        print_note(s, &shown);
    } else if (v->kind == EVENT_PROGRESS && v->total && v->done <= v->total) {
        if (!s->begun || s->checking)
            progress_from(&s->bar, v->done, v->total);
        s->begun = true;
        s->checking = false;
        if (s->json)
            print_progress(s, v);
        else
            progress_update(&s->bar, v->done);
    }
    return !atomic_load(interrupt_flag());
}

/* The whole is hashed, at a disk's speed: a bar of its own. */
static bool on_check(void *arg, uint64_t done, uint64_t total)
{
    struct pull_show *s = arg;
    if (!s->checking) {
        progress_end(&s->bar);
        progress_start(&s->bar, _("checking"), total);
    }
    s->checking = true;
    if (!s->json)
        progress_update(&s->bar, done);
    return !atomic_load(interrupt_flag());
}

static bool on_wait(void *arg)
{
    struct pull_show *s = arg;
    if (!s->waited)
        fprintf(stderr, _("another moat pulls %s; waiting for it\n"), s->name);
    s->waited = true;
    return !atomic_load(interrupt_flag());
}

void pull_show_start(struct pull_show *s, const char *name, bool json, struct pull_watch *watch)
{
    *s = (struct pull_show){.name = name, .json = json};
    progress_start(&s->bar, name, 0);
    *watch = (struct pull_watch){.event = on_event,
                                 .checking = {on_check, s},
                                 .waiting = on_wait,
                                 .stop = interrupt_flag(),
                                 .arg = s};
    interrupt_begin();
}

void pull_show_end(struct pull_show *s)
{
    interrupt_end();
    progress_end(&s->bar);
}
