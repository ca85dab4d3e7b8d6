/* SPDX-License-Identifier: Apache-2.0 */
/* moat ask: a question to documents: the passages that answer it, and an answer whose every
 * sentence says which lines it is from. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/ask_embed.h"
#include "cli/commands.h"
#include "cli/isolate.h"
#include "cli/lab_opts.h"
#include "cli/open_model.h"
#include "cli/packs.h"
#include "cli/session.h"
#include "cli/setting_opts.h"
#include "cli/talk.h"
#include "cli/term.h"
#include "store/store.h"
#include "work/docs_answer.h"
#include "work/docs_scan.h"

#define FOLDERS 64u

static struct ask_options {
    const char *question, *model, *embedding, *index;
    struct {
        char *v[FOLDERS]; /* absolute, owned */
        uint32_t n;
    } docs;
    char index_path[STORE_PATH];
    uint32_t top, threads;
    uint64_t memory;
    bool json, helped;
} o;

/* --- options -------------------------------------------------------------------------------------
 */

static bool take_docs(void *out, struct str value, struct err *e)
{
    char path[4096], *whole;
    (void)out;
    if (o.docs.n == FOLDERS)
        return fail(e, ERR_USAGE, "--docs: %u folders are the most", FOLDERS);
    if (snprintf(path, sizeof path, "%.*s", (int)value.n, value.p) >= (int)sizeof path)
        return fail(e, ERR_USAGE, "--docs: the path is too long");
    if (!(whole = realpath(path, NULL)))
        return os_fail_open(path, e);
    o.docs.v[o.docs.n++] = whole;
    return true;
}

static bool parse(struct setting_opts *so, int argc, char **argv, struct err *e)
{
    static const struct opt own[] = {
        {"docs", 0, OPT_CALL, NULL, "DIR",
         N_("a folder of documents, or one document; may be given several times"), 0, 0, take_docs},
        {"model", 'm', OPT_TEXT, &o.model, "MODEL",
         N_("a model that answers; without one the passages are shown"), 0, 0, NULL},
        {"embedding", 0, OPT_TEXT, &o.embedding, "MODEL",
         N_("a model that embeds (MiniLM, BGE): passages are found by meaning too, not by words "
            "alone"),
         0, 0, NULL},
        {"index", 0, OPT_TEXT, &o.index, "FILE",
         N_("keep the index here (default: with the models, one for each set of folders)"), 0, 0,
         NULL},
        {"top", 0, OPT_U32, &o.top, "N", N_("passages to show or to answer from (default 5)"), 1,
         DOCS_FOUND, NULL},
        {"json", 0, OPT_FLAG, &o.json, NULL, N_("print one JSON object"), 0, 0, NULL},
        {"memory", 0, OPT_SIZE, &o.memory, "SIZE",
         N_("most memory to take, like 12G; what does not fit is refused before loading"), 0, 0,
         NULL},
        THREADS_OPTION(&o.threads),
        {0},
    };
    const char *question[1];
    struct args args = {.v = question};
    o.top = 5;
    setting_opts_init(so);
    if (!opts_parse(&cmd_ask, (const struct opt *const[]){own, so->table, NULL}, argc, argv, &args,
                    1, 1, &o.helped, e))
        return false;
    if (o.helped)
        return true;
    o.question = args.v[0];
    if (!str_trim(str_of(o.question)).n || !str_utf8_valid(str_of(o.question)))
        return fail(e, ERR_USAGE, "the question is empty, or not valid UTF-8 text");
    return o.docs.n || fail(e, ERR_USAGE, "moat ask needs --docs DIR");
}

/* Named by the folders. */
static bool choose_index(struct err *e)
{
    struct store store;
    struct str parts[2 * FOLDERS];
    struct hash h;
    char hex[2 * HASH_BYTES + 1], folder[STORE_PATH];
    if (o.index)
        return snprintf(o.index_path, sizeof o.index_path, "%s", o.index) <
                   (int)sizeof o.index_path ||
               fail(e, ERR_USAGE, "the path of the index is too long");
    for (uint32_t i = 0; i < o.docs.n; i++) {
        parts[2 * i] = str_of(o.docs.v[i]);
        parts[2 * i + 1] = STR("\n");
    }
    if (!hash_of(parts, 2 * (size_t)o.docs.n, &h, e) || !store_open(&store, true, e))
        return false;
    hash_hex(&h, hex);
    store_path(&store, o.index_path, "docs/%.32s.db", hex);
    return os_mkdirs(store_path(&store, folder, "docs"), e);
}

/* --- the index -----------------------------------------------------------------------------------
 */

static struct docs_index *open_index(const struct ask_embed *embed, struct err *e)
{
    struct buf bytes;
    buf_init(&bytes, LIMIT_DOCS_INDEX);
    bool ok = access(o.index_path, F_OK) != 0 || buf_read_file(&bytes, o.index_path, e);
    struct docs_index *ix = ok ? docs_index_open(buf_view(&bytes), embed->digest, e) : NULL;
    buf_clear(&bytes);
    if (!ix)
        (void)err_at(e, "%s", o.index_path);
    return ix;
}

static bool write_index(struct docs_index *ix, struct err *e)
{
    struct os_atomic_file file = {.fd = -1};
    struct buf bytes;
    if (!docs_index_changed(ix))
        return true;
    buf_init(&bytes, LIMIT_DOCS_INDEX);
    bool ok = docs_index_bytes(ix, &bytes, e) && os_atomic_open(&file, o.index_path, e);
    file.mode = 0600; /* it holds what the documents say */
    ok = ok && os_atomic_write(&file, bytes.p, bytes.n, e) && os_atomic_commit(&file, e);
    os_atomic_close(&file);
    buf_clear(&bytes);
    return ok;
}

static void say_left_out(const struct docs_scan *r)
{
    if (r->n_failed)
        fprintf(stderr,
                _("moat: %u files were left out: they could not be read, or have more than "
                  "%u MiB\n"),
                r->n_failed, LIMIT_DOCS_FILE >> 20);
}

/* --- the answer ----------------------------------------------------------------------------------
 */

struct shown {
    const struct docs_found *found;
    json_t *sentences; /* array, or NULL: printed */
    uint32_t n;
};

/* A path below the folder where the user is, as seen from there. */
static const char *short_path(const char *path)
{
    char here[4096];
    size_t n = getcwd(here, sizeof here) ? strlen(here) : 0;
    return n > 1 && strncmp(path, here, n) == 0 && path[n] == '/' ? path + n + 1 : path;
}

static void place_of(const struct docs_passage *p, char *out, size_t cap)
{
    if (p->first == p->last)
        snprintf(out, cap, "%s:%u", short_path(p->path), p->first);
    else
        snprintf(out, cap, "%s:%u-%u", short_path(p->path), p->first, p->last);
}

static bool show_sentence(void *arg, const struct docs_sentence *s, struct err *e)
{
    struct shown *w = arg;
    json_t *cited = json_array();
    (void)e;
    if (!w->sentences)
        printf("%.*s", (int)s->text.n, s->text.p);
    for (uint32_t i = 0; i < s->n_cited; i++) {
        char place[4200];
        place_of(&w->found->v[s->cited[i]], place, sizeof place);
        if (!w->sentences)
            printf(" [%s]", place);
        json_array_append_new(cited, json_string(place));
    }
    if (w->sentences)
        json_array_append_new(w->sentences, json_pack("{ss% sO}", "sentence", s->text.p, s->text.n,
                                                      "citations", cited));
    else
        putchar('\n');
    json_decref(cited);
    w->n++;
    return true;
}

static bool open_answerer(struct session *s, struct err *e)
{
    struct packs packs;
    struct gguf *g = open_model(o.model, e);
    if (!g || !packs_init(&packs, g, e)) {
        gguf_close(g);
        return false;
    }
    const struct load_options load = {
        .memory = o.memory, .threads = o.threads, .pack = &packs.params, .opening = s->opening};
    s->generator = generator_open(g, &s->settings, &load, &s->plan, e);
    packs_done(&packs);
    if (!s->generator && s->plan.total > s->plan.budget)
        open_model_show_plan(&s->plan);
    if (s->generator)
        s->raw = !generator_chat(s->generator);
    return s->generator != NULL && isolate_loaded(e);
}

/* The instruction stands in front of the passages where the model's template knows no system
 * message, or there is no template. */
static bool form_prompt(const struct session *s, const struct docs_found *found, struct buf *out,
                        struct err *e)
{
    struct talk t;
    struct buf words;
    struct err ignored = {0};
    buf_init(&words, LIMIT_TEXT_BYTES);
    bool ok = talk_init(&t, s->raw ? NULL : generator_chat(s->generator), e);
    if (ok && !talk_set_system(&t, docs_system, &ignored))
        buf_fmt(&words, "%s\n\n", docs_system);
    docs_prompt(found, str_of(o.question), &words);
    ok = ok && buf_ok(&words, "prompt", e) && talk_ask(&t, buf_view(&words), out, e);
    talk_clear(&t);
    buf_clear(&words);
    return ok;
}

static bool answer(struct session *s, struct shown *w, uint32_t *n_dropped, struct err *e)
{
    struct buf prompt;
    struct answer a = {0};
    struct generation r = {0};
    buf_init(&prompt, LIMIT_TEXT_BYTES);
    bool ok = form_prompt(s, w->found, &prompt, e) &&
              session_answer(s, buf_view(&prompt), &a, &r, e) &&
              docs_check(w->found, buf_view(&a.content), show_sentence, w, n_dropped, e);
    answer_clear(&a);
    buf_clear(&prompt);
    return ok;
}

/* --- output --------------------------------------------------------------------------------------
 */

static void print_passages(const struct docs_found *found)
{
    for (uint32_t i = 0; i < found->n; i++) {
        const struct docs_passage *p = &found->v[i];
        char place[4200];
        place_of(p, place, sizeof place);
        printf("%s%s%s  %s\n", term_style(STDOUT_FILENO, TERM_BOLD), place,
               term_style(STDOUT_FILENO, TERM_PLAIN), p->title);
        for (struct str rest = str_trim(str_of(p->text)), line; str_cut(&rest, '\n', &line);)
            printf("    %.*s\n", (int)line.n, line.p);
    }
}

static json_t *passages_json(const struct docs_found *found)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < found->n; i++) {
        const struct docs_passage *p = &found->v[i];
        json_array_append_new(list, json_pack("{ss si si ss ss sf}", "file", p->path, "first",
                                              (int)p->first, "last", (int)p->last, "title",
                                              p->title, "text", p->text, "score", p->score));
    }
    return list;
}

static bool print_json(const struct docs_found *found, const struct docs_scan *r, json_t *sentences,
                       uint32_t n_dropped, struct err *e)
{
    struct buf out;
    buf_init(&out, LIMIT_TEXT_BYTES);
    json_t *j = json_pack("{ss so so? si s{si si si si}}", "question", o.question, "passages",
                          passages_json(found), "answer", json_incref(sentences), "dropped",
                          (int)n_dropped, "index", "files", (int)r->n_files, "read", (int)r->n_new,
                          "gone", (int)r->n_gone, "left_out", (int)r->n_failed);
    bool ok = j ? json_write(j, JSON_REAL_PRECISION(9), &out, e)
                : fail(e, ERR_INTERNAL, "cannot write JSON");
    json_decref(j);
    if (ok)
        printf("%s\n", buf_c(&out));
    buf_clear(&out);
    return ok;
}

/* --- the command ---------------------------------------------------------------------------------
 */

/* Brings the index up to date and looks. */
static bool find(struct docs_found *found, struct docs_scan *r, struct err *e)
{
    struct ask_embed embed;
    struct docs_index *ix = NULL;
    float *v = NULL;
    bool ok = ask_embed_open(&embed, o.embedding, o.threads, e) &&
              (ix = open_index(&embed, e)) != NULL &&
              docs_scan(ix, (const char *const *)o.docs.v, o.docs.n, r, e) &&
              ask_embed_index(&embed, ix, e) && write_index(ix, e);
    if (ok && embed.width)
        ok = (v = mem_new(embed.width, sizeof *v, e)) != NULL &&
             ask_embed_text(&embed, str_of(o.question), v, e);
    ok = ok && docs_find(ix, str_of(o.question), v, embed.width, o.top, found, e);
    mem_free(v);
    docs_index_close(ix);
    ask_embed_close(&embed);
    return ok;
}

static bool show(struct session *s, const struct docs_found *found, const struct docs_scan *r,
                 struct err *e)
{
    struct shown w = {.found = found, .sentences = o.json && o.model ? json_array() : NULL};
    uint32_t n_dropped = 0;
    bool ok = !o.model || !found->n || (open_answerer(s, e) && answer(s, &w, &n_dropped, e));
    if (ok && o.json)
        ok = print_json(found, r, w.sentences, n_dropped, e);
    json_decref(w.sentences);
    if (!ok || o.json)
        return ok;
    if (!found->n)
        fprintf(stderr, "%s\n", _("moat: no passage has a word of the question"));
    if (n_dropped)
        fprintf(stderr,
                _("moat: %u sentences of the answer were dropped: they name no passage that "
                  "says so\n"),
                n_dropped);
    if (!w.n)
        print_passages(found);
    return true;
}

static bool run(const struct setting_opts *so, struct err *e)
{
    static struct docs_found found; /* large */
    struct docs_scan r = {0};
    struct session s = {.model = o.model, .json = true};
    settings_init(&s.settings);
    bool ok = (!o.model || open_model_settings(o.model, &s.settings, &s.opening, e)) &&
              setting_opts_apply(so, NULL, &s.settings, e) && choose_index(e) &&
              isolate_command(true, o.index_path, e) && find(&found, &r, e);
    if (ok)
        say_left_out(&r);
    ok = ok && show(&s, &found, &r, e);
    docs_found_clear(&found);
    generator_close(s.generator);
    json_decref(s.opening);
    settings_clear(&s.settings);
    return ok;
}

static int main_ask(int argc, char **argv)
{
    static struct setting_opts so;
    struct err e = {0};
    bool ok = parse(&so, argc, argv, &e) && (o.helped || run(&so, &e));
    for (uint32_t i = 0; i < o.docs.n; i++)
        free(o.docs.v[i]);
    return ok ? 0 : opts_report(&e);
}

const struct command cmd_ask = {
    .name = "ask",
    .args = "QUESTION",
    .summary = N_("answer a question from documents, with the lines that say so"),
    .detail =
        N_("The documents are text, Markdown, source code and manual pages, compressed or not, "
           "in the folders of --docs. An index of them is kept and brought up to date: only "
           "files that have changed are read again.\n\n"
           "Passages are found by their words and, with --embedding, by what they mean. With "
           "--model a model answers from them; a sentence of its answer is shown only if it "
           "names a passage that has its words, with the file and the lines. Without --model "
           "the passages themselves are shown."),
    .run = main_ask,
};
