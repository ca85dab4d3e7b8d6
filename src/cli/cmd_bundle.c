/* SPDX-License-Identifier: Apache-2.0 */
/* moat bundle: all that an air-gapped site needs, in one signed file. */
#include <stdio.h>

#include "cli/bundle.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/verbs.h"

static const struct command *const verbs[] = {&bundle_create, &bundle_verify_verb,
                                              &bundle_install_verb};

bool bundle_take_key(void *keys, struct str value, struct err *e)
{
    struct bundle_keys *k = keys;
    if (k->n == SIGN_SIGNERS)
        return fail(e, ERR_LIMIT, "%d keys are the most", SIGN_SIGNERS);
    k->text[k->n++] = value.p; /* the end of an argument: NUL-terminated */
    return true;
}

struct store_progress bundle_bar(struct progress *bar, const char *what)
{
    progress_start(bar, what, 0);
    return (struct store_progress){interrupt_progress, bar};
}

bool bundle_open_verified(struct bundle *b, const char *path, const struct bundle_keys *keys,
                          struct err *e)
{
    struct sign_key key[SIGN_SIGNERS];
    struct sign_trust trust = {key, keys->n, keys->needed ? keys->needed : 1};
    struct progress bar;
    *b = (struct bundle){0};
    if (keys->n == 0)
        return fail(e, ERR_USAGE,
                    "--key KEY is missing: a bundle is worth as much as the key that signed it; "
                    "ask its maker for it, by another way than the bundle came");
    if (trust.needed > trust.n)
        return fail(e, ERR_USAGE, "--needed %u, but only %u keys", trust.needed, trust.n);
    for (uint32_t i = 0; i < keys->n; i++)
        if (!sign_key_given(&key[i], keys->text[i], e))
            return false;
    if (!bundle_open(b, path, &trust, e))
        return false;
    const struct store_progress progress = bundle_bar(&bar, _("verifying"));
    bool ok = bundle_verify(b, &progress, e);
    progress_end(&bar);
    return ok;
}

const char *bundle_kind_text(enum bundle_kind kind)
{
    static const char *const texts[BUNDLE_KINDS] = {
        [BUNDLE_PROGRAM] = N_("program"),   [BUNDLE_MODEL] = N_("model"),
        [BUNDLE_CATALOG] = N_("catalogue"), [BUNDLE_POLICY] = N_("policy"),
        [BUNDLE_DOC] = N_("document"),      [BUNDLE_LICENCE] = N_("licence")};
    return _(texts[kind]);
}

static int main_bundle(int argc, char **argv)
{
    return verbs_run(&cmd_bundle, verbs, sizeof verbs / sizeof *verbs, argc, argv);
}

const struct command cmd_bundle = {
    .name = "bundle",
    .args = "create|verify|install ...",
    .summary = N_("carry the program and models to a site without a network, signed"),
    .detail = N_(
        "A bundle is one file, or parts of a size that fits a medium: this program with the "
        "libraries it needs, models, catalogues, policies, documents and licences. It is signed, "
        "and verified wholly before anything of it is written.\n\n"
        "moat bundle create OUT --sign SECRET-KEY --model NAME... makes one, verify FILE --key KEY "
        "checks it, install FILE --key KEY writes what is in it. moat bundle VERB --help says more "
        "of each. See docs/BUNDLE.md."),
    .run = main_bundle,
};
