/* SPDX-License-Identifier: Apache-2.0 */
/* cli/cmd_run: moat run MODEL [PROMPT]: one answer, or a conversation.
 *
 * The prompt is the argument, standard input, or both (the argument first, then a blank line and
 * the input). With neither, and a terminal to type at, it is a conversation. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/os.h"
#include "cli/chat_repl.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/isolate.h"
#include "cli/lab_opts.h"
#include "cli/lora_opts.h"
#include "cli/open_model.h"
#include "cli/packs.h"
#include "cli/pull_run.h"
#include "cli/read_grammar.h"
#include "cli/saved_state.h"
#include "cli/setting_opts.h"
#include "cli/talk.h"
#include "cli/term.h"
#include "cli/tool_opts.h"
#include "run/approval.h"

static struct run_options {
    uint32_t num_gpu;
    uint64_t memory;
    uint32_t threads;
    enum precision precision;
    bool raw, json, verbose, history, pull, helped;
    const char *system, *config, *state;
    const char *grammar, *schema, *tools; /* files; one at most */
    const char *tool_choice;
    const char *prompt; /* NULL: none given */
    const char *model, *draft;
    struct lora_opts lora;
} o;

static bool take_num_gpu(void *out, struct str value, struct err *e)
{
    uint64_t n;
    (void)out;
    if (!str_to_u64(value, &n))
        return fail(e, ERR_USAGE, "--%s: \"%.*s\" is not a whole number", "num-gpu",
                    STR_ARG(value));
    return n == 0 || fail(e, ERR_UNSUPPORTED,
                          "--num-gpu %.*s: no GPU backend is built in; all layers run on the CPU "
                          "with --num-gpu 0, the default",
                          STR_ARG(value));
}

static const struct opt own_options[] = {
    {"", 0, OPT_GROUP, NULL, NULL, N_("Prompt and output"), 0, 0, NULL},
    {"system", 0, OPT_TEXT, &o.system, "TEXT", N_("system message"), 0, 0, NULL},
    {"raw", 0, OPT_FLAG, &o.raw, NULL,
     N_("give the prompt to the model as it stands, without its chat template"), 0, 0, NULL},
    {"config", 0, OPT_TEXT, &o.config, "FILE",
     N_("settings of the answer from a JSON file; options override them"), 0, 0, NULL},
    {"grammar", 0, OPT_TEXT, &o.grammar, "FILE",
     N_("answer only what the grammar in this file allows (GBNF)"), 0, 0, NULL},
    {"schema", 0, OPT_TEXT, &o.schema, "FILE",
     N_("answer with JSON that this JSON Schema allows; {} allows any"), 0, 0, NULL},
    {"state", 0, OPT_TEXT, &o.state, "FILE",
     N_("go on from what this file says was computed, and leave the new state in it"), 0, 0, NULL},
    {"tools", 0, OPT_TEXT, &o.tools, "FILE",
     N_("tools from a JSON file, as in a request of OpenAI; calls are shown, not made: in a "
        "conversation you say what they gave"),
     0, 0, NULL},
    {"tool-choice", 0, OPT_TEXT, &o.tool_choice, "WHICH",
     N_("whether tools may be called: auto, required, none, or the name of one that must be"), 0, 0,
     NULL},
    {"json", 0, OPT_FLAG, &o.json, NULL, N_("print the answer as one JSON object"), 0, 0, NULL},
    {"verbose", 'v', OPT_FLAG, &o.verbose, NULL, N_("show memory and speed on stderr"), 0, 0, NULL},
    {"no-history", 0, OPT_NO_FLAG, &o.history, NULL,
     N_("keep no file of the lines typed in a conversation"), 0, 0, NULL},
    {"pull", 0, OPT_FLAG, &o.pull, NULL,
     N_("fetch the model first where it is not here but in a catalogue, without asking"), 0, 0,
     NULL},
    {"", 0, OPT_GROUP, NULL, NULL, N_("Machine"), 0, 0, NULL},
    {"memory", 0, OPT_SIZE, &o.memory, "SIZE",
     N_("most memory to take, like 12G; what does not fit is refused before loading"), 0, 0, NULL},
    THREADS_OPTION(&o.threads),
    {"num-gpu", 0, OPT_CALL, &o.num_gpu, "N",
     N_("layers on a GPU; only 0, as no GPU backend is built in"), 0, 0, take_num_gpu},
    {"draft", 0, OPT_TEXT, &o.draft, "MODEL",
     N_("a smaller model of the same family, which guesses ahead; the answer stays the same"), 0, 0,
     NULL},
    LORA_OPTION(&o.lora),
    PRECISION_OPTIONS(&o.precision),
    {0},
};

/* --- the prompt --------------------------------------------------------------------------------
 */

/* Somebody who forgot `< /dev/null` must not wait for ever without a word. */
static void say_waiting(void)
{
    struct pollfd p = {STDIN_FILENO, POLLIN, 0};
    if (term_is(STDERR_FILENO) && poll(&p, 1, 2000) == 0)
        fprintf(stderr, "%s\n", _("(waiting for standard input; </dev/null gives none)"));
}

static bool read_prompt(struct buf *prompt, struct err *e)
{
    if (o.prompt)
        buf_cstr(prompt, o.prompt);
    if (term_is(STDIN_FILENO))
        return buf_ok(prompt, "prompt", e);
    struct buf input;
    buf_init(&input, LIMIT_TEXT_BYTES);
    say_waiting();
    bool ok = buf_read_file(&input, "-", e);
    if (ok && input.n && input.p[input.n - 1] == '\n') /* it ends the line, not the prompt */
        input.p[--input.n] = '\0';
    if (ok && prompt->n && str_trim(buf_view(&input)).n)
        buf_cstr(prompt, "\n\n");
    if (ok)
        buf_str(prompt, buf_view(&input));
    buf_clear(&input);
    if (ok && !str_utf8_valid(buf_view(prompt)))
        return fail(e, ERR_USAGE, "the prompt is not valid UTF-8 text");
    return ok && buf_ok(prompt, "prompt", e);
}

/* Words -> the model's own prompt form. */
static bool form_prompt(const struct session *s, struct str words, struct buf *out, struct err *e)
{
    struct talk t;
    bool ok = talk_init(&t, s->raw ? NULL : generator_chat(s->generator), e);
    t.tools = s->tools;
    ok = ok && talk_set_system(&t, o.system, e) && talk_ask(&t, words, out, e);
    talk_clear(&t);
    return ok;
}

/* --- one answer --------------------------------------------------------------------------------
 */

static json_t *text_of(const struct buf *b)
{
    struct buf valid;
    if (str_utf8_valid(buf_view(b)))
        return json_stringn(buf_c(b), b->n);
    buf_init(&valid, LIMIT_TEXT_BYTES);
    for (size_t at = 0; at < b->n;)
        buf_utf8(&valid, str_utf8_next(buf_view(b), &at));
    json_t *j = json_stringn(buf_c(&valid), valid.n);
    buf_clear(&valid);
    return j;
}

static bool print_json(const struct session *s, const struct answer *a, const struct generation *r,
                       struct err *e)
{
    struct buf out;
    buf_init(&out, LIMIT_TEXT_BYTES * 6ull);
    json_t *timings =
        json_pack("{sf sf sf sf sf sf sf si si}", "load_s", s->load_s, "prompt_s", r->prompt_s,
                  "first_token_s", r->first_token_s, "decode_s", r->decode_s, "mask_s", r->mask_s,
                  "prompt_tps", session_prompt_tps(r), "decode_tps", session_decode_tps(r),
                  "guessed", (int)r->n_guessed, "guessed_right", (int)r->n_right);
    json_t *j = json_pack("{ss so so sO si si si ss so sI}", "model", s->model, "content",
                          text_of(&a->content), "reasoning",
                          a->reasoning.n ? text_of(&a->reasoning) : json_null(), "tool_calls",
                          a->calls, "prompt_tokens", (int)r->n_prompt, "completion_tokens",
                          (int)r->n_generated, "dropped_tokens", (int)r->n_dropped, "finish_reason",
                          finish_name(r->finish), "timings", timings, "seed", (json_int_t)r->seed);
    if (j && s->approval.policy)
        json_object_set_new(j, "approved", approval_json(&s->approval));
    bool ok = j ? json_write(j, JSON_REAL_PRECISION(9), &out, e)
                : fail(e, ERR_INTERNAL, "cannot write JSON");
    json_decref(j);
    if (ok)
        printf("%s\n", buf_c(&out));
    buf_clear(&out);
    return ok;
}

/* With --state: what the file holds is reused, and what is there afterwards put into it. */
static bool answer_between_states(const struct session *s, struct str prompt, struct answer *a,
                                  struct generation *r, struct err *e)
{
    struct buf attached;
    if (!s->state)
        return session_answer(s, prompt, a, r, e);
    buf_init(&attached, LIMIT_JSON_BYTES);
    bool ok =
        (!saved_state_exists(s->state) || saved_state_read(s, NULL, &attached, s->state, e)) &&
        session_answer(s, prompt, a, r, e) && saved_state_write(s, NULL, &attached, s->state, e);
    buf_clear(&attached);
    return ok;
}

static bool answer_once(struct session *s, struct str words, int *status, struct err *e)
{
    struct buf prompt;
    struct answer a = {0};
    struct generation r = {0};
    buf_init(&prompt, LIMIT_TEXT_BYTES);
    bool ok = form_prompt(s, words, &prompt, e) &&
              (!s->tools || tool_opts_bind(s, s->tool_choice, buf_view(&prompt), e)) &&
              answer_between_states(s, buf_view(&prompt), &a, &r, e);
    if (ok && s->json)
        ok = print_json(s, &a, &r, e);
    if (ok && !a.broken)
        session_note(s, &r);
    if (ok && r.finish == FINISH_CANCELLED && !a.broken)
        *status = err_exit_status(ERR_CANCELLED);
    answer_clear(&a);
    buf_clear(&prompt);
    return ok;
}

/* --- the command -------------------------------------------------------------------------------
 */

/* Read after the model: a grammar may name its tokens. */
static bool bind_answers(struct session *s, struct err *e)
{
    static const struct schema_options as = {0};
    const struct vocab *v = generator_vocab(s->generator);
    if (!o.grammar && !o.schema)
        return true;
    s->grammar = o.schema ? read_grammar(o.schema, &as, v, e) : read_grammar(o.grammar, NULL, v, e);
    s->settings.grammar = s->grammar;
    return s->grammar != NULL;
}

/* A model's file, and where its packed weights are. */
struct source {
    struct gguf *file; /* NULL: none is asked for, or taken over */
    struct packs packs;
};

static bool open_sources(struct source *main, struct source *draft, struct err *e)
{
    if (!open_with_draft(o.model, o.draft, &main->file, &draft->file, e))
        return false;
    bool ok = packs_init(&main->packs, main->file, e);
    if (ok && (!draft->file || packs_init(&draft->packs, draft->file, e)))
        return true;
    if (ok)
        packs_done(&main->packs);
    gguf_close(main->file);
    gguf_close(draft->file);
    return false;
}

static bool open_generator(struct session *s, struct err *e)
{
    struct source main = {0}, draft = {0};
    struct lora_files adapters;
    if (!lora_opts_open(&o.lora, &adapters, e))
        return false;
    if (!open_sources(&main, &draft, e)) {
        lora_files_close(&adapters);
        return false;
    }
    struct load_options load = {.memory = o.memory,
                                .threads = o.threads,
                                .precision = o.precision,
                                .pack = &main.packs.params,
                                .grammar = o.grammar || o.schema || s->tools,
                                .opening = s->opening,
                                .adapters = adapters};
    if (main.file->approval)
        s->approval = *main.file->approval;
    if (draft.file)
        load.draft = (struct load_draft){draft.file, &draft.packs.params};
    s->generator = generator_open(main.file, &s->settings, &load, &s->plan, e);
    packs_done(&main.packs);
    if (o.draft)
        packs_done(&draft.packs);
    if (s->generator)
        return true;
    return e->code == ERR_CORRUPT || e->code == ERR_UNSUPPORTED ? err_at(e, "%s", o.model) : false;
}

static bool open_session(struct session *s, struct err *e)
{
    uint64_t start = os_now_ns();
    if (!open_generator(s, e)) {
        if (s->plan.total > s->plan.budget)
            open_model_show_plan(&s->plan);
        return false;
    }
    if (!isolate_loaded(e))
        return false;
    s->load_s = (double)(os_now_ns() - start) / 1e9;
    if (o.verbose)
        open_model_show_plan(&s->plan);
    const char *notice = generator_vocab(s->generator)->notice;
    if (notice)
        fprintf(stderr, "moat: %s\n", _(notice));
    s->raw = o.raw || !generator_chat(s->generator);
    if (s->raw && s->tools)
        return fail(e, ERR_UNSUPPORTED,
                    "--tools needs a model with a chat template, which this one has not");
    s->settings.special = !s->raw && toolcall_has_calls(chat_format(generator_chat(s->generator)));
    return bind_answers(s, e);
}

static bool check_tools(struct err *e)
{
    if (o.tool_choice && !o.tools)
        return fail(e, ERR_USAGE, "--tool-choice needs --tools");
    if (!o.tools)
        return true;
    if (o.grammar || o.schema)
        return fail(e, ERR_USAGE, "give one of --tools, --grammar and --schema");
    return !o.raw || fail(e, ERR_USAGE, "--tools needs the chat template, which --raw leaves out");
}

static bool read_tools(struct session *s, struct err *e)
{
    if (!o.tools)
        return true;
    json_t *tools = tool_opts_read(o.tools, e);
    bool none = o.tool_choice && strcmp(o.tool_choice, "none") == 0;
    s->tools = none ? NULL : json_incref(tools);
    s->tool_choice = o.tool_choice;
    json_decref(tools);
    return tools != NULL;
}

static bool check_options(bool chat, struct err *e)
{
    if (o.grammar && o.schema)
        return fail(e, ERR_USAGE, "give one of --grammar and --schema");
    if (o.system && o.raw)
        return fail(e, ERR_USAGE, "--system needs the chat template, which --raw leaves out");
    if (chat && o.json)
        return fail(e, ERR_USAGE, "--json needs a prompt, as an argument or on standard input");
    return check_tools(e);
}

static bool run_once(struct session *s, int *status, struct err *e)
{
    struct buf words;
    buf_init(&words, LIMIT_TEXT_BYTES);
    bool ok = read_prompt(&words, e);
    if (ok && !words.n)
        ok = fail(e, ERR_USAGE, "the prompt is empty");
    ok = ok && open_session(s, e);
    if (ok && s->raw && !o.raw)
        fprintf(stderr, "%s\n",
                _("moat: this model has no chat template: the prompt is continued as it stands "
                  "(--raw says so without this notice)"));
    ok = ok && answer_once(s, buf_view(&words), status, e);
    buf_clear(&words);
    return ok;
}

static bool run(const struct setting_opts *so, int *status, struct err *e)
{
    struct session s = {.model = o.model, .state = o.state, .json = o.json, .verbose = o.verbose};
    bool chat = !o.prompt && term_is(STDIN_FILENO);
    settings_init(&s.settings);
    bool ok = check_options(chat, e) && pull_offer(o.model, o.pull, true, e) && read_tools(&s, e) &&
              open_model_settings(o.model, &s.settings, &s.opening, e) &&
              setting_opts_apply(so, o.config, &s.settings, e) &&
              (chat ? isolate_conversation(e) : isolate_command(true, o.state, e));
    if (ok && chat) {
        signal(SIGPIPE, SIG_IGN); /* the terminal is put in order before leaving */
        ok = open_session(&s, e) && chat_repl(&s, o.system, o.history, e);
    } else if (ok) {
        ok = run_once(&s, status, e);
    }
    generator_close(s.generator);
    grammar_free(s.grammar);
    json_decref(s.tools);
    json_decref(s.opening);
    settings_clear(&s.settings);
    return ok;
}

static int main_run(int argc, char **argv)
{
    struct err e = {ERR_NONE, ""};
    int status = 0;
    o = (struct run_options){.history = true};
    struct setting_opts *so = mem_new(1, sizeof *so, &e);
    struct args args = {mem_new((size_t)argc, sizeof(char *), &e), 0};
    bool ok = so && args.v;
    if (ok) {
        setting_opts_init(so);
        const struct opt *const tables[] = {own_options, so->table, NULL};
        ok = opts_parse(&cmd_run, tables, argc, argv, &args, 1, 2, &o.helped, &e);
    }
    if (ok && !o.helped) {
        o.model = args.v[0];
        o.prompt = args.n > 1 ? args.v[1] : NULL;
        ok = run(so, &status, &e);
    }
    mem_free(so);
    mem_free(args.v);
    return ok ? status : opts_report(&e);
}

const struct command cmd_run = {
    "run",
    "MODEL[:TAG]|FILE.gguf [PROMPT]",
    N_("answer a prompt, or hold a conversation"),
    N_("MODEL is a name that moat list shows, or a GGUF file, which runs where it lies. Without "
       "PROMPT the prompt is read from standard input; with both, the input follows the PROMPT. At "
       "a terminal without either, a conversation begins: /help there lists its commands.\n\n"
       "moat run smollm2:135m --num-gpu 0 --memory 12G\n"
       "moat run model.gguf \"Why is the sky blue?\"\n"
       "git diff | moat run smollm2:135m \"Write a commit message:\" --temperature 0"),
    main_run,
};
