/* SPDX-License-Identifier: Apache-2.0 */
/* cli/verbs: see verbs.h. */
#include "cli/verbs.h"

#include <string.h>

#include "base/buf.h"
#include "base/near.h"

enum { LIST_BYTES = 1024 };

/* "bundle create" -> "create"; a plain word is itself. */
static const char *word_of(const char *name)
{
    const char *blank = strrchr(name, ' ');
    return blank ? blank + 1 : name;
}

static const char *name_at(const void *rows, size_t row, size_t i)
{
    const char *name;
    memcpy(&name, (const char *)rows + i * row, sizeof name);
    return word_of(name);
}

static void unknown(const struct command *owner, const void *rows, size_t n, size_t row,
                    const char *word, struct err *e)
{
    struct near near;
    struct buf all;
    near_init(&near, str_of(word));
    buf_init(&all, LIST_BYTES);
    for (size_t i = 0; i < n; i++) {
        near_offer(&near, name_at(rows, row, i));
        buf_fmt(&all, "%s%s", i ? ", " : "", name_at(rows, row, i));
    }
    const char *best = near_best(&near);
    if (best)
        fail(e, ERR_USAGE, "moat %s does not know \"%s\"; did you mean %s?", owner->name, word,
             best);
    else
        fail(e, ERR_USAGE, "moat %s does not know \"%s\"; what it has: %s", owner->name, word,
             buf_c(&all));
    buf_clear(&all);
}

const void *verbs_find(const struct command *owner, const void *rows, size_t n, size_t row,
                       const char *word, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(name_at(rows, row, i), word) == 0)
            return (const char *)rows + i * row;
    unknown(owner, rows, n, row, word, e);
    return NULL;
}

static int show_help(const struct command *owner, int argc, char **argv)
{
    static const struct opt none[] = {{0}};
    struct err e = {0};
    bool helped = false;
    struct args args = {.v = (const char *[1]){NULL}};
    return opts_parse(owner, (const struct opt *const[]){none, NULL}, argc, argv, &args, 1, 1,
                      &helped, &e)
               ? 0
               : opts_report(&e);
}

int verbs_run(const struct command *owner, const struct command *const *verbs, size_t n, int argc,
              char **argv)
{
    struct err e = {0};
    const char *names[32];
    must(n <= sizeof names / sizeof *names);
    if (argc < 2 || argv[1][0] == '-')
        return show_help(owner, argc, argv);
    for (size_t i = 0; i < n; i++)
        names[i] = verbs[i]->name;
    const char *const *found = verbs_find(owner, names, n, sizeof *names, argv[1], &e);
    return found ? verbs[found - names]->run(argc - 1, argv + 1) : opts_report(&e);
}
