/* SPDX-License-Identifier: Apache-2.0 */
/* cli/read_grammar: see read_grammar.h. */
#include "cli/read_grammar.h"

#include "base/limits.h"

static bool find_token(const void *arg, struct str text, uint32_t *id)
{
    return vocab_find(arg, text, id);
}

struct grammar *read_grammar(const char *path, const struct schema_options *o,
                             const struct vocab *v, struct err *e)
{
    struct buf text;
    struct grammar *g = NULL;
    buf_init(&text, LIMIT_GRAMMAR_BYTES);
    if (buf_read_file(&text, path, e)) {
        g = o ? grammar_from_schema(buf_view(&text), o, e)
              : grammar_from_gbnf(buf_view(&text), v ? find_token : NULL, v, e);
        if (!g)
            err_at(e, "%s", path);
    }
    buf_clear(&text);
    return g;
}
