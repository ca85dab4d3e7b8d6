/* SPDX-License-Identifier: Apache-2.0 */
/* moat catalog: lists of models, signed by whoever vouches for them. */
#include <stdio.h>
#include <string.h>

#include "base/near.h"
#include "cli/catalog.h"
#include "cli/commands.h"

static const struct command *const verbs[] = {
    &catalog_search, &catalog_show,   &catalog_list,  &catalog_add,  &catalog_update,
    &catalog_remove, &catalog_leaves, &catalog_entry, &catalog_sign,
};
enum { N_VERBS = sizeof verbs / sizeof *verbs };

/* "catalog add" -> "add" */
static const char *word_of(const struct command *c)
{
    return strrchr(c->name, ' ') + 1;
}

static int unknown(const char *word)
{
    struct err e;
    struct near n;
    near_init(&n, str_of(word));
    for (size_t i = 0; i < N_VERBS; i++)
        near_offer(&n, word_of(verbs[i]));
    const char *best = near_best(&n);
    if (best)
        fail(&e, ERR_USAGE, "moat catalog does not know \"%s\"; did you mean %s?", word, best);
    else
        fail(&e, ERR_USAGE,
             "moat catalog does not know \"%s\"; it has search, show, list, add, update, remove, "
             "leaves, entry and sign",
             word);
    return opts_report(&e);
}

static int main_catalog(int argc, char **argv)
{
    static const struct opt none[] = {{0}};
    struct err e = {0};
    bool helped = false;
    struct args args = {.v = (const char *[1]){NULL}};
    for (size_t i = 0; argc > 1 && i < N_VERBS; i++)
        if (strcmp(argv[1], word_of(verbs[i])) == 0)
            return verbs[i]->run(argc - 1, argv + 1);
    if (argc > 1 && argv[1][0] != '-')
        return unknown(argv[1]);
    if (!opts_parse(&cmd_catalog, (const struct opt *const[]){none, NULL}, argc, argv, &args, 1, 1,
                    &helped, &e))
        return opts_report(&e);
    return 0;
}

const struct command cmd_catalog = {
    .name = "catalog",
    .args = "search|show|list|add|update|remove|leaves|entry|sign ...",
    .summary = N_("find models, and choose whose lists of models are used"),
    .detail = N_(
        "A catalogue is a JSON file of models: what they are called, how large they are, what "
        "memory they need, under which licence they stand, what their SHA-256 is and where they "
        "can be fetched. One is part of moat; others are added from an address or a file and are "
        "used as long as they are signed by the keys given, are not older than what was there "
        "before, and have not expired.\n\n"
        "moat catalog search [WORD]... lists models that have all the words; moat catalog show "
        "NAME[:TAG] tells all of one; moat pull NAME[:TAG] fetches it.\n\n"
        "moat catalog list shows which catalogues are used; add SOURCE --name NAME --key KEY, "
        "update [NAME] and remove NAME change that.\n\n"
        "For those who make one: moat catalog leaves FILE writes the hash tree of a file, entry "
        "FILE --into CATALOG.json puts a model into a catalogue, sign CATALOG.json --secret KEY "
        "signs it (moat sign new makes a key). moat catalog VERB --help says more of each. "
        "See docs/CATALOG.md."),
    .run = main_catalog,
};
