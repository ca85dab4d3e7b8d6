/* SPDX-License-Identifier: Apache-2.0 */
/* Guesses of a draft model: right where it is the model itself, none where they cannot pay but now
 * and then, and none beyond its context; a model that cannot guess for another is refused. */
#include <string.h>

#include "engine/timeline.h"
#include "run/loaded.h"
#include "run/real_model.h"

static void check(bool ok, const struct err *e)
{
    if (!ok)
        fail_msg("%s", e->msg);
}

static bool open_pair(struct loaded *l, const char *name, const char *draft, uint32_t n_ctx,
                      struct err *e)
{
    char path[1024];
    struct memplan plan;
    struct settings s;
    struct packed_params pack = {0};
    struct load_options o = {.pack = &pack, .draft = {.pack = &pack}};
    settings_init(&s);
    s.context_window = n_ctx;
    struct gguf *g = gguf_open(real_model(name, path), e);
    o.draft.g = g ? gguf_open(real_model(draft, path), e) : NULL;
    bool ok = o.draft.g && loaded_open(l, g, &s, &o, &plan, e);
    assert_true(!ok || plan.draft > 0);
    settings_clear(&s);
    return ok;
}

/* All passes take as long, so that every guess that is likely pays; or none does. */
static void set_costs(struct loaded *l, double draft)
{
    for (uint32_t i = 1; i <= DECODE_TOKENS; i++)
        l->costs.seconds[i] = 1;
    l->costs.draft = draft;
}

static uint32_t likeliest(const float *logits, uint32_t n)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

/* Goes on with a text for so many tokens, each the likeliest; counts what was guessed. */
static void follow(struct loaded *l, const char *text, uint32_t n, uint32_t most, uint32_t *guessed,
                   uint32_t *right)
{
    struct timeline t;
    struct tokens prompt = {0};
    struct err e;
    uint32_t reused, ahead[SPECULATE_MOST], n_ahead = 0, at = 0;
    struct speculation *s = loaded_speculation(l, 0, &e);
    check(s && timeline_new(&t, l->f, 0, &e) && loaded_tokenize(l, str_of(text), &prompt, &e) &&
              timeline_sync(&t, prompt.id, (uint32_t)prompt.n, NULL, &reused, &e),
          &e);
    speculation_begin(s, prompt.id, prompt.n);
    *guessed = *right = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t id = likeliest(t.logits, l->model->h.n_vocab);
        speculation_add(s, id);
        if (at < n_ahead && ahead[at] == id) {
            at++;
            ++*right;
        } else {
            at = 0;
            n_ahead = speculation_guess(s, 1, most, ahead);
            *guessed += n_ahead;
        }
        check(timeline_push(&t, id, &e), &e);
    }
    *guessed -= n_ahead - at; /* nobody knows of these */
    speculation_free(s);
    timeline_free(&t);
    tokens_clear(&prompt);
}

static const char story[] = "The lighthouse keeper looked out over the dark water and thought of";

static void a_model_guesses_itself(void **state)
{
    static const char *const models[] = {"smollm2", "gemma3"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct loaded l;
        struct err e;
        uint32_t guessed, right;
        check(open_pair(&l, models[i], models[i], 512, &e), &e);
        set_costs(&l, 0.01);
        follow(&l, story, 100, SPECULATE_MOST, &guessed, &right);
        print_message("# %s: %u of %u guesses held\n", models[i], right, guessed);
        assert_true(right >= 60 && right * 2 >= guessed); /* those of the text are often wrong */
        loaded_close(&l);
    }
}

static void what_cannot_pay_is_hardly_asked(void **state)
{
    struct loaded l;
    struct err e;
    uint32_t guessed, right;
    (void)state;
    check(open_pair(&l, "smollm2", "smollm2", 512, &e), &e);
    l.costs = (struct pass_costs){.draft = 100};
    for (uint32_t i = 1; i <= DECODE_TOKENS; i++)
        l.costs.seconds[i] = 1e-6 * i; /* and the draft model takes milliseconds */
    follow(&l, story, 80, SPECULATE_MOST, &guessed, &right);
    print_message("# %u guesses\n", guessed);
    assert_true(guessed <= 3);
    loaded_close(&l);
}

static void beyond_its_context_it_says_nothing(void **state)
{
    struct loaded l;
    struct err e;
    struct draft d;
    uint32_t token[64];
    (void)state;
    check(open_pair(&l, "smollm2", "smollm2", 48, &e), &e);
    check(draft_new(&d, l.draft->f, 0, &e), &e);
    for (uint32_t i = 0; i < 64; i++)
        token[i] = 100 + i;
    assert_false(draft_read(&d, token, 0));
    assert_true(draft_read(&d, token, 48));
    assert_false(draft_push(&d, 7));
    assert_false(draft_read(&d, token, 49));
    assert_true(draft_read(&d, token, 20));
    assert_true(draft_push(&d, 7));
    draft_free(&d);
    loaded_close(&l);
}

static void one_with_other_tokens_is_refused(void **state)
{
    struct loaded l;
    struct err e;
    (void)state;
    assert_false(open_pair(&l, "smollm2", "gemma3", 512, &e));
    assert_int_equal(e.code, ERR_UNSUPPORTED);
    assert_non_null(strstr(e.msg, "same family"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_guesses_itself),
        cmocka_unit_test(what_cannot_pay_is_hardly_asked),
        cmocka_unit_test(beyond_its_context_it_says_nothing),
        cmocka_unit_test(one_with_other_tokens_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
