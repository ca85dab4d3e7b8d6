/* SPDX-License-Identifier: Apache-2.0 */
/* moat catalog: lists of models, signed by whoever vouches for them. */
#include "cli/catalog.h"
#include "cli/commands.h"
#include "cli/verbs.h"

static const struct command *const verbs[] = {
    &catalog_search, &catalog_show,   &catalog_list,  &catalog_add,  &catalog_update,
    &catalog_remove, &catalog_leaves, &catalog_entry, &catalog_sign,
};

static int main_catalog(int argc, char **argv)
{
    return verbs_run(&cmd_catalog, verbs, sizeof verbs / sizeof *verbs, argc, argv);
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
