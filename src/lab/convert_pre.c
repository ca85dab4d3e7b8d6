/* SPDX-License-Identifier: Apache-2.0 */
/* lab/convert_pre: which pre-tokenizer (text/pretoken_names) a tokenizer.json asks for.
 *
 * It goes by what the steps of its pre_tokenizer do, written as one line: "digits" for every digit
 * alone, "split PATTERN", "gpt2" for the byte level with the pattern of GPT-2, "bytes" for the byte
 * level alone. A line that no row has is refused: a neighbouring rule would split some texts
 * otherwise, and nobody would see it. */
#include <string.h>

#include "base/limits.h"
#include "lab/convert_vocab.h"

#define ENDING "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define REST   "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define WORDS(digits)                                                                              \
    "split " ENDING "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits                                       \
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" REST " bytes"
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define CASED(ending, digits)                                                                      \
    "split [^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "+" ending "|[^\\r\\n\\p{L}\\p{N}]?" UPPER      \
    "+" LOWER "*" ending "|" digits "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*" REST " bytes"

static const struct {
    const char *steps;
    int whole_words; /* the model's ignore_merges: -1: either */
    const char *pre;
} rows[] = {
    {"gpt2", -1, "gpt-2"},
    {"digits gpt2", -1, "smollm"},
    {WORDS("\\p{N}{1,3}"), 1, "llama-bpe"},
    {WORDS("\\p{N}{1,3}"), 0, "dbrx"},
    {WORDS("\\p{N}"), -1, "qwen2"},
    {CASED(ENDING "?", "\\p{N}{1,3}"), -1, "gpt-4o"},
    {CASED("", "\\p{N}"), -1, "tekken"},
};

static const json_t *children(const json_t *part)
{
    static const char *const lists[] = {"pretokenizers", "normalizers", "decoders", "processors"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const json_t *list = json_object_get(part, lists[i]);
        if (list)
            return list;
    }
    return NULL;
}

/* Recursion is bounded by LIMIT_JSON_DEPTH. */
const json_t *convert_find_part(const json_t *part, const char *type)
{
    const char *own = hf_text(part, "type");
    size_t i;
    json_t *v;
    if (own && strcmp(own, type) == 0)
        return part;
    json_array_foreach((json_t *)children(part), i, v)
    {
        const json_t *found = convert_find_part(v, type);
        if (found)
            return found;
    }
    return NULL;
}

/* Both of these keep what the pattern matches as pieces, and what lies between. */
static bool keeps_matches(const json_t *part)
{
    const char *behaviour = hf_text(part, "behavior");
    bool invert = json_is_true(json_object_get(part, "invert"));
    return behaviour && strcmp(behaviour, invert ? "Removed" : "Isolated") == 0;
}

static void add_step(const json_t *part, struct buf *out)
{
    const char *type = hf_text(part, "type");
    const char *pattern = hf_text(json_object_get(part, "pattern"), "Regex");
    if (out->n)
        buf_byte(out, ' ');
    if (type && strcmp(type, "Split") == 0 && pattern && keeps_matches(part))
        buf_fmt(out, "split %s", pattern);
    else if (type && strcmp(type, "ByteLevel") == 0 &&
             !json_is_true(json_object_get(part, "add_prefix_space")))
        buf_cstr(out, json_is_false(json_object_get(part, "use_regex")) ? "bytes" : "gpt2");
    else if (type && strcmp(type, "Digits") == 0 &&
             json_is_true(json_object_get(part, "individual_digits")))
        buf_cstr(out, "digits");
    else
        buf_fmt(out, "other:%s", type ? type : "none");
}

static void add_steps(const json_t *part, struct buf *out)
{
    size_t i;
    json_t *v;
    const json_t *list = children(part);
    if (!list) {
        add_step(part, out);
        return;
    }
    json_array_foreach((json_t *)list, i, v)
    {
        add_steps(v, out);
    }
}

const char *convert_pre_name(const json_t *tokenizer, struct err *e)
{
    struct buf steps;
    const char *pre = NULL;
    int whole = json_is_true(json_object_get(json_object_get(tokenizer, "model"), "ignore_merges"));
    buf_init(&steps, LIMIT_TEMPLATE_BYTES);
    add_steps(json_object_get(tokenizer, "pre_tokenizer"), &steps);
    for (size_t i = 0; !pre && i < sizeof rows / sizeof *rows; i++)
        if (strcmp(buf_c(&steps), rows[i].steps) == 0 &&
            (rows[i].whole_words < 0 || rows[i].whole_words == whole))
            pre = rows[i].pre;
    if (!pre)
        fail(
            e, ERR_UNSUPPORTED,
            "tokenizer.json splits text by a rule that is not known (%.200s); if you know its name "
            "in GGUF files, give it with --pre",
            buf_c(&steps));
    buf_clear(&steps);
    return pre;
}
