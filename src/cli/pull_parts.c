/* SPDX-License-Identifier: Apache-2.0 */
/* cli/pull_parts: see pull_parts.h. */
#include "cli/pull_parts.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/pull_show.h"

/* The options for part `no`: the same, with its addresses. */
struct part {
    struct pull_options o;
    char what[LIMIT_URL_BYTES];
    char mirror[LIMIT_PULL_SOURCES][LIMIT_URL_BYTES];
    char keep[STORE_PATH];
};

static bool name_part(struct part *p, const struct pull_options *o, const struct split *split,
                      uint32_t no, struct err *e)
{
    p->o = *o;
    p->o.what = p->what;
    if (!split_text(split, o->what, no, p->what, sizeof p->what, e))
        return false;
    for (uint32_t i = 0; i < o->n_mirror; i++) {
        struct split of;
        if (!split_find(&of, o->mirror[i]) || of.count != split->count)
            return fail(e, ERR_USAGE,
                        "--mirror: %s is no part of a model split into %u files, as the first "
                        "address is",
                        o->mirror[i], split->count);
        if (!split_text(&of, o->mirror[i], no, p->mirror[i], sizeof p->mirror[i], e))
            return false;
        p->o.mirror[i] = p->mirror[i];
    }
    return true;
}

static bool pull_part(struct part *p, struct pull_source *s, uint32_t no, uint32_t count,
                      struct pull_request *q, struct pull_result *r, struct err *e)
{
    struct pull_show show;
    char label[2 * NAME_PART + 32];
    *s = (struct pull_source){0};
    if (!pull_source_find(s, &p->o, q, e))
        return false;
    q->keep = p->keep;
    snprintf(label, sizeof label, "%s %u/%u", q->name.text, no, count);
    pull_show_start(&show, label, p->o.json, &q->watch);
    bool ok = pull_model(q, r, e);
    pull_show_end(&show);
    return ok;
}

/* What a digest or root would be of, nobody could say. */
static bool check(const struct pull_options *o, struct err *e)
{
    return (!o->sha256 && !o->job.root) ||
           fail(e, ERR_USAGE,
                "--sha256 and --tree are of one file, and this model is split into several");
}

/* A name that was made of the first part's file ends where its number begins. */
static void name_whole(const struct pull_options *o, struct pull_request *q)
{
    char *cut = strstr(q->name.text, "-00001-of-");
    struct name name;
    if (!o->name && cut) {
        *cut = '\0';
        if (name_parse(&name, str_of(q->name.text), NULL))
            q->name = name;
    }
}

bool pull_parts(struct pull_source *s, const struct pull_options *o, const struct split *split,
                struct pull_request *q, struct pull_result *r, struct err *e)
{
    struct split_model m;
    struct pull_request whole = *q;
    struct pull_result sum = {.verified = true, .present = true};
    struct part *p = mem_new(1, sizeof *p, e);
    bool ok = p && check(o, e) && split_open(&m, split, o->what, e);
    for (uint32_t no = split->count; ok && no >= 1; no--) { /* the first last: it is shown */
        ok = name_part(p, o, split, no, e);
        if (!ok)
            break;
        *q = whole;
        split_path(&m, no, p->keep);
        ok = pull_part(p, s, no, split->count, q, r, e);
        sum.received += r->received;
        sum.verified &= r->verified;
        sum.present &= r->present;
    }
    if (ok) {
        q->keep = NULL;
        q->watch = (struct pull_watch){0};
        name_whole(o, q);
        ok = split_join(&m, q, r, e);
    }
    r->received = sum.received;
    r->verified = sum.verified;
    r->present = false;
    mem_free(p);
    return ok;
}
