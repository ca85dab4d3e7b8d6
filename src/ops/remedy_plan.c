/* SPDX-License-Identifier: Apache-2.0 */
/* ops/remedy_plan: which steps mend what. See remedy.h. */
#include <stdio.h>

#include "ops/remedy.h"

#define HUGE_PAGES "/sys/kernel/mm/transparent_hugepage/enabled"

enum remedy remedy_named(struct str name)
{
    static const char *const names[REMEDIES] = {[REMEDY_SWAP] = "swap",
                                                [REMEDY_HUGE_PAGES] = "huge-pages",
                                                [REMEDY_OPEN_FILES] = "files",
                                                [REMEDY_POOL] = "pool"};
    for (int r = REMEDY_NONE + 1; r < REMEDIES; r++)
        if (str_is(name, names[r]))
            return (enum remedy)r;
    return REMEDY_NONE;
}

static struct remedy_step *add(struct remedy_plan *p, enum step_kind kind, const char *path)
{
    must(p->n < sizeof p->step / sizeof *p->step);
    struct remedy_step *s = &p->step[p->n++];
    *s = (struct remedy_step){.kind = kind, .path = path};
    return s;
}

static void add_text(struct remedy_plan *p, enum step_kind kind, const char *path, const char *text)
{
    struct remedy_step *s = add(p, kind, path);
    snprintf(s->text, sizeof s->text, "%s", text);
}

static void add_swap(struct remedy_plan *p, uint64_t bytes)
{
    add(p, STEP_SWAP, REMEDY_SWAPFILE)->bytes = bytes;
    add_text(p, STEP_LINE, "/etc/fstab", REMEDY_SWAPFILE " none swap sw,nofail 0 0");
}

static void add_huge_pages(struct remedy_plan *p, const struct host *h)
{
    add_text(p, STEP_VALUE, HUGE_PAGES, "madvise");
    if (h->systemd) /* after every start */
        add_text(p, STEP_FILE, "/etc/tmpfiles.d/moat.conf", "w " HUGE_PAGES " - - - - madvise\n");
}

static void add_pool(struct remedy_plan *p, uint64_t bytes)
{
    struct remedy_step *s = add(p, STEP_FILE, "/etc/systemd/system/moat.slice");
    snprintf(s->text, sizeof s->text,
             "[Unit]\nDescription=Memory kept for moat\n\n[Slice]\nMemoryLow=%lluG\n",
             (unsigned long long)(bytes >> 30));
    add(p, STEP_SYSTEMD, "systemd");
}

void remedy_plan(struct remedy_plan *p, const struct host *h, const struct verdict *v,
                 enum remedy only, uint64_t swap_bytes)
{
    bool wanted[REMEDIES] = {[REMEDY_SWAP] = swap_bytes > 0};
    *p = (struct remedy_plan){0};
    for (uint32_t i = 0; i < v->n; i++)
        wanted[v->check[i].remedy] = true;
    for (int r = REMEDY_NONE + 1; only != REMEDY_NONE && r < REMEDIES; r++)
        wanted[r] = wanted[r] && r == (int)only;
    if (wanted[REMEDY_SWAP])
        add_swap(p, swap_bytes ? swap_bytes : v->swap_wanted);
    if (wanted[REMEDY_HUGE_PAGES])
        add_huge_pages(p, h);
    if (wanted[REMEDY_OPEN_FILES])
        add_text(p, STEP_FILE, "/etc/security/limits.d/moat.conf", "* - nofile 65536\n");
    if (wanted[REMEDY_POOL])
        add_pool(p, v->pool_bytes);
}

/* A text in single quotes of the shell, for printf: newlines as \n. Ours has neither quotes nor
 * backslashes. */
static void quote(struct buf *out, const char *text)
{
    buf_byte(out, '\'');
    for (; *text; text++) {
        if (*text == '\n')
            buf_cstr(out, "\\n");
        else
            buf_byte(out, *text);
    }
    buf_byte(out, '\'');
}

void remedy_describe(const struct remedy_step *s, struct buf *out)
{
    switch (s->kind) {
    case STEP_FILE:
        buf_cstr(out, "printf ");
        quote(out, s->text);
        buf_fmt(out, " >%s", s->path);
        break;
    case STEP_LINE:
        buf_fmt(out, "echo '%s' >>%s", s->text, s->path);
        break;
    case STEP_VALUE:
        buf_fmt(out, "echo %s >%s", s->text, s->path);
        break;
    case STEP_SWAP:
        buf_fmt(out, "fallocate -l %llu %s && chmod 600 %s && mkswap %s && swapon %s",
                (unsigned long long)s->bytes, s->path, s->path, s->path, s->path);
        break;
    case STEP_SYSTEMD:
        buf_cstr(out, "systemctl daemon-reload");
        break;
    }
}
