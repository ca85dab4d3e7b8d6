/* SPDX-License-Identifier: Apache-2.0 */
/* cli/doctor_show: see doctor_show.h. JSON: doctor_json.c. */
#include "cli/doctor_show.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/opts.h"
#include "cli/table.h"
#include "cli/term.h"

enum { TEXT_BYTES = 1 << 18, GAP = 2, NARROW = 60 };

static const char *const levels[] = {
    [CHECK_OK] = N_("ok"), [CHECK_NOTE] = N_("note"), [CHECK_LOW] = N_("LOW")};

static void head_speed(struct buf *text, const struct forecast *fast, const struct forecast *best)
{
    if (fast && fast == best)
        buf_fmt(text,
                _("This machine runs models of up to %s parameters: %s at about %.1f tokens a "
                  "second."),
                best->size, best->quant, best->tokens_per_s);
    else if (fast)
        buf_fmt(text,
                _("This machine runs models of up to %s parameters well: %s at about %.1f tokens a "
                  "second. Up to %s fit into its memory, but at %.1f tokens a second."),
                fast->size, fast->quant, fast->tokens_per_s, best->size, best->tokens_per_s);
    else if (best->tokens_per_s > 0)
        buf_fmt(text,
                _("This machine runs models of up to %s parameters, slowly: %s at about %.1f "
                  "tokens a second."),
                best->size, best->quant, best->tokens_per_s);
    else
        buf_fmt(text,
                _("Models of up to %s parameters fit into the memory of this machine (%s); how "
                  "fast they are was not measured."),
                best->size, best->quant);
}

static void list_checks(const struct verdict *v, bool mendable, char *list, size_t cap)
{
    list[0] = '\0';
    for (uint32_t i = 0; i < v->n; i++) {
        const struct check *c = &v->check[i];
        size_t n = strlen(list);
        if (mendable ? c->remedy != REMEDY_NONE : c->level == CHECK_LOW)
            snprintf(list + n, cap - n, "%s%s", n ? _(", ") : "", _(c->title));
    }
}

static void add_head(struct buf *out, const struct doctor *d, uint32_t width)
{
    struct buf text;
    char list[512];
    const struct forecast *best = forecast_best(d->sizes, 0);
    const struct forecast *fast = forecast_best(d->sizes, FORECAST_SLOW);
    buf_init(&text, TEXT_BYTES);
    if (best)
        head_speed(&text, fast, best);
    else
        buf_cstr(&text, _("No model of the list below fits into the memory that is free."));
    buf_cstr(out, term_style(STDOUT_FILENO, TERM_BOLD));
    term_wrap(out, buf_view(&text), 0, 0, width);
    buf_cstr(out, term_style(STDOUT_FILENO, TERM_PLAIN));
    buf_reset(&text);
    list_checks(&d->verdict, false, list, sizeof list);
    if (list[0])
        buf_fmt(&text, _("Below what is asked for: %s."), list);
    else
        buf_cstr(&text, _("Nothing is below what is asked for."));
    list_checks(&d->verdict, true, list, sizeof list);
    if (list[0])
        buf_fmt(&text, _("\nmoat doctor --fix can set up: %s."), list);
    if (d->measured.recorded)
        buf_cstr(&text, _("\nNothing was measured here: speeds are those of the record."));
    term_wrap(out, buf_view(&text), 0, 0, width);
    buf_byte(out, '\n');
    buf_clear(&text);
}

/* Columns of the level and of the title, with their gaps. */
static void measure_columns(const struct verdict *v, uint32_t *level, uint32_t *title)
{
    *level = *title = 0;
    for (int i = 0; i <= CHECK_LOW; i++) {
        uint32_t n = term_text_width(str_of(_(levels[i]))) + GAP;
        *level = n > *level ? n : *level;
    }
    for (uint32_t i = 0; i < v->n; i++) {
        uint32_t n = term_text_width(str_of(_(v->check[i].title))) + GAP;
        *title = n > *title ? n : *title;
    }
}

static void pad_to(struct buf *out, uint32_t at, uint32_t column)
{
    for (; at < column; at++)
        buf_byte(out, ' ');
}

/* A command stands alone on its line, so that it can be copied whole. */
static void add_commands(struct buf *out, const char *commands, uint32_t indent)
{
    struct str rest = str_of(commands), one;
    while (str_cut(&rest, '\n', &one)) {
        pad_to(out, 0, indent);
        buf_fmt(out, "%s%.*s%s\n", term_style(STDOUT_FILENO, TERM_BOLD), STR_ARG(one),
                term_style(STDOUT_FILENO, TERM_PLAIN));
    }
}

static void add_check(struct buf *out, const struct check *c, uint32_t level, uint32_t title,
                      uint32_t width)
{
    bool narrow = width < NARROW;
    uint32_t indent = level + (narrow ? 0 : title);
    enum term_style style = c->level == CHECK_LOW  ? TERM_BOLD
                            : c->level == CHECK_OK ? TERM_DIM
                                                   : TERM_PLAIN;
    buf_fmt(out, "%s%s%s", style == TERM_PLAIN ? "" : term_style(STDOUT_FILENO, style),
            _(levels[c->level]), style == TERM_PLAIN ? "" : term_style(STDOUT_FILENO, TERM_PLAIN));
    pad_to(out, term_text_width(str_of(_(levels[c->level]))), level);
    buf_cstr(out, _(c->title));
    if (narrow)
        buf_byte(out, '\n');
    term_wrap(out, str_of(c->text), indent,
              narrow ? 0 : level + term_text_width(str_of(_(c->title))), width);
    if (c->advice[0])
        term_wrap(out, str_of(c->advice), indent, 0, width);
    if (c->command[0])
        add_commands(out, c->command, indent);
}

static void add_forecast(struct table *t, const struct forecast *f)
{
    static const char *const fits[] = {[FITS_NOW] = N_("runs"),
                                       [FITS_FREED] = N_("when memory is freed"),
                                       [FITS_NOT] = N_("too large")};
    char size[16];
    bool slow = f->tokens_per_s > 0 && f->tokens_per_s < FORECAST_SLOW;
    table_cell(t, str_of(f->size));
    table_cell(t, str_of(f->quant ? f->quant : ""));
    table_cell(t, str_of(term_size(f->memory, size)));
    if (f->tokens_per_s > 0)
        table_fmt(t, "%.1f", f->tokens_per_s);
    else
        table_cell(t, STR("-"));
    table_cell(t, str_of(f->fits == FITS_NOW && slow ? _("runs, slowly") : _(fits[f->fits])));
}

static bool print_models(const struct doctor *d, struct err *e)
{
    struct table t;
    table_init(&t, "llrrl");
    table_cell(&t, str_of(_("MODEL")));
    table_cell(&t, str_of(_("FORMAT")));
    table_cell(&t, str_of(_("MEMORY")));
    table_cell(&t, str_of(_("TOKENS/S")));
    table_cell(&t, STR(""));
    for (uint32_t i = 0; i < d->n_files; i++)
        add_forecast(&t, &d->files[i]);
    for (uint32_t i = 0; i < FORECASTS; i++)
        add_forecast(&t, &d->sizes[i]);
    bool ok = table_print(&t, true, e);
    table_clear(&t);
    return ok;
}

const char *doctor_tier(const struct host_memory *m)
{
    uint64_t total = host_memory_total(m);
    return total >= 32000000000ull ? "7B" : total >= 4000000000ull ? "1.5B" : "";
}

static void add_foot(struct buf *out, const struct doctor *d, uint32_t width)
{
    struct buf text;
    const char *tier = doctor_tier(&d->host.memory);
    buf_init(&text, TEXT_BYTES);
    buf_cstr(&text, _("Memory: with a context of 8192 tokens. Tokens/s: while an answer is "
                      "written, from what was measured and the bytes each token reads."));
    buf_cstr(&text, "\n");
    if (tier[0])
        buf_fmt(&text,
                _("Common guides ask for 4 GB for 1.5B, 32 GB for 7B and several machines "
                  "from 14B on; by them this machine is one for %s."),
                tier);
    else
        buf_cstr(&text, _("Common guides ask for 4 GB for 1.5B, 32 GB for 7B and several machines "
                          "from 14B on; this machine has less."));
    buf_byte(out, '\n');
    term_wrap(out, buf_view(&text), 0, 0, width);
    buf_clear(&text);
}

bool doctor_print(const struct doctor *d, struct err *e)
{
    struct buf out;
    uint32_t width = term_columns(STDOUT_FILENO), level, title;
    buf_init(&out, TEXT_BYTES);
    measure_columns(&d->verdict, &level, &title);
    add_head(&out, d, width);
    for (uint32_t i = 0; i < d->verdict.n; i++)
        add_check(&out, &d->verdict.check[i], level, title, width);
    buf_byte(&out, '\n');
    bool ok = buf_ok(&out, "report", e);
    if (ok)
        fwrite(out.p, 1, out.n, stdout);
    buf_reset(&out);
    ok = ok && print_models(d, e);
    if (ok) {
        add_foot(&out, d, width);
        fwrite(out.p, 1, out.n, stdout);
    }
    buf_clear(&out);
    return ok;
}
