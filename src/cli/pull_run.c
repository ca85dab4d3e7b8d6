/* SPDX-License-Identifier: Apache-2.0 */
/* cli/pull_run: see pull_run.h. */
#include "cli/pull_run.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/interrupt.h"
#include "cli/isolate.h"
#include "cli/progress.h"
#include "cli/pull_parts.h"
#include "cli/pull_show.h"
#include "cli/term.h"
#include "fetch/role.h"
#include "store/foreign.h"
#include "store/import.h"
#include "store/manifest.h"

/* --- what is on this machine already ------------------------------------------------------------
 */

struct local {
    const struct digest *wanted;
    struct foreign found; /* name "": none */
};

static bool is_wanted(void *arg, const struct foreign *f)
{
    struct local *l = arg;
    bool same = f->has_digest && strcmp(f->digest.hex, l->wanted->hex) == 0;
    if (same)
        l->found = *f;
    return !same;
}

/* The very file, in the store of another program: no network is needed. Where it turns out to be
 * another one, or cannot be read, *e says so and the network is asked. */
static bool take_local(const struct pull_request *q, struct pull_result *r, struct err *e)
{
    struct local l = {.wanted = q->expected};
    struct import_result got;
    struct progress bar;
    struct store s;
    int fd = -1;
    if (!q->expected || !store_open(&s, false, NULL) ||
        (fd = blob_open(&s, q->expected, NULL)) >= 0) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    foreign_each(is_wanted, &l);
    const struct import_request from = {.path = l.found.path,
                                        .name = q->name,
                                        .expected = q->expected,
                                        .settings = q->settings,
                                        .progress = {interrupt_progress, &bar}};
    if (!l.found.name[0])
        return false;
    progress_start(&bar, q->name.text, l.found.size);
    interrupt_begin();
    bool ok = import_model(&from, &got, e);
    interrupt_end();
    progress_end(&bar);
    if (!ok)
        return false;
    fprintf(stderr, _("taken from %s on this machine\n"), l.found.name);
    *r = (struct pull_result){
        .digest = got.digest, .size = got.size, .verified = true, .replaced = got.replaced};
    snprintf(r->architecture, sizeof r->architecture, "%s", got.architecture);
    return true;
}

/* --- the pull -----------------------------------------------------------------------------------
 */

bool pull_run(struct pull_source *s, const struct pull_options *o, struct pull_request *q,
              struct pull_result *r, struct err *e)
{
    struct pull_show show;
    struct split split;
    if (split_find(&split, o->what))
        return pull_parts(s, o, &split, q, r, e);
    if (!pull_source_find(s, o, q, e))
        return false;
    struct err local = {0};
    if (take_local(q, r, &local))
        return pull_source_pin(s, r, e);
    if (local.code == ERR_CANCELLED)
        return fail(e, ERR_CANCELLED, "%s", local.msg);
    pull_show_start(&show, q->name.text, o->json, &q->watch);
    bool ok = pull_model(q, r, e);
    pull_show_end(&show);
    return ok && pull_source_pin(s, r, e);
}

/* --- offering ----------------------------------------------------------------------------------
 */

/* "y", "yes", the local word for it, or only Enter. */
static bool says_yes(void)
{
    char line[64];
    if (!fgets(line, sizeof line, stdin))
        return false;
    struct str word = str_trim(str_of(line));
    return word.n == 0 || strncasecmp(word.p, "y", 1) == 0 || str_is(word, _("yes"));
}

static bool agreed(const struct catalog_entry *m, const char *model, struct err *e)
{
    char size[16];
    term_size(m->size, size);
    if (!term_is(STDIN_FILENO) || !term_is(STDERR_FILENO))
        return fail(
            e, ERR_NOT_FOUND,
            "the model %s is not here yet; moat pull %s fetches it (%s), and so does --pull", model,
            model, size);
    fprintf(stderr, _("%s is not here yet. Fetch it (%s, licence %s)? [Y/n] "), model, size,
            m->licence[0] ? m->licence : "?");
    fflush(stderr);
    return says_yes() || fail(e, ERR_CANCELLED, "%s was not fetched", model);
}

static bool fetch(void *arg, struct err *e)
{
    struct pull_request q = {0};
    struct pull_result r;
    struct pull_options o;
    struct pull_source *s = mem_new(1, sizeof *s, e);
    pull_options_init(&o);
    o.what = arg;
    o.job.ca = fetch_private_ca();
    bool ok = s && pull_run(s, &o, &q, &r, e);
    if (s)
        pull_source_clear(s);
    mem_free(s);
    return ok;
}

static bool is_absent(const char *model, struct store *store, struct name *name)
{
    return !name_is_path(str_of(model)) && name_parse(name, str_of(model), NULL) &&
           access(model, F_OK) != 0 && store_open(store, false, NULL) &&
           !manifest_exists(store, name);
}

bool pull_offer(const char *model, bool without, bool apart, struct err *e)
{
    struct store store;
    struct name name;
    struct catalog_hit hit;
    if (!is_absent(model, &store, &name) || !catalogs_find(&hit, &store, &name, NULL))
        return true;
    void *arg = (void *)(uintptr_t)model;
    bool ok = (without || agreed(hit.entry, name.text, e)) &&
              (apart ? isolate_apart(true, fetch, arg, NULL, 0, e) : fetch(arg, e));
    catalog_hit_clear(&hit);
    return ok;
}
