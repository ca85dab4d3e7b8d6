/* SPDX-License-Identifier: Apache-2.0 */
/* text/pair: see pair.h. */
#include "text/pair.h"

#include "base/limits.h"

#define QUERY    STR("{query}")
#define DOCUMENT STR("{document}")

/* Where a name stands; only there. */
static bool find_once(struct str text, struct str name, size_t *at)
{
    *at = str_find(text, name);
    return *at != SIZE_MAX && str_find(str_from(text, *at + name.n), name) == SIZE_MAX;
}

bool pair_open(struct pair *p, const struct gguf *g, struct err *e)
{
    *p = (struct pair){0};
    if (!gguf_get_str(g, "tokenizer.chat_template.rerank", &p->template, e))
        return false;
    if (!p->template.n)
        return true;
    if (p->template.n > LIMIT_TEMPLATE_BYTES)
        return fail(e, ERR_LIMIT, "the model's template for ranking is too long");
    return (find_once(p->template, QUERY, &p->query) &&
            find_once(p->template, DOCUMENT, &p->document)) ||
           fail(e, ERR_CORRUPT,
                "the model's template for ranking (tokenizer.chat_template.rerank) must hold "
                "{query} and {document} once each");
}

static bool by_template(const struct pair *p, const struct vocab *v, struct str question,
                        struct str passage, struct tokens *out, struct err *e)
{
    bool query_first = p->query < p->document;
    size_t first = query_first ? p->query : p->document;
    size_t second = query_first ? p->document : p->query;
    struct str one = query_first ? QUERY : DOCUMENT, other = query_first ? DOCUMENT : QUERY;
    struct buf text;
    buf_init(&text, LIMIT_TEXT_BYTES);
    buf_str(&text, str_sub(p->template, 0, first));
    buf_str(&text, query_first ? question : passage);
    buf_str(&text, str_sub(p->template, first + one.n, second - first - one.n));
    buf_str(&text, query_first ? passage : question);
    buf_str(&text, str_from(p->template, second + other.n));
    bool ok = buf_ok(&text, "text", e) && tokenize(v, buf_view(&text), false, true, out, e);
    buf_clear(&text);
    return ok;
}

static bool push_known(uint32_t id, struct tokens *out, struct err *e)
{
    return id == TOKEN_NONE || tokens_push(out, id, e);
}

/* The RoBERTa family has a separator more between the two than BERT. */
static bool separates_twice(const struct vocab *v)
{
    return v->kind == VOCAB_UNIGRAM || (v->kind != VOCAB_WORDPIECE && v->add_sep);
}

bool pair_tokenize(const struct pair *p, const struct vocab *v, struct str question,
                   struct str passage, struct tokens *out, uint32_t *n_first, struct err *e)
{
    size_t before = out->n;
    uint32_t sep = v->sep == TOKEN_NONE ? v->eos : v->sep;
    if (p->template.n) {
        bool ok = by_template(p, v, question, passage, out, e);
        *n_first = (uint32_t)(out->n - before);
        return ok;
    }
    if (!tokenize(v, question, true, false, out, e) ||
        (separates_twice(v) && !push_known(sep, out, e)))
        return false;
    *n_first = (uint32_t)(out->n - before);
    return tokenize(v, passage, false, false, out, e) && push_known(sep, out, e);
}
