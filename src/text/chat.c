/* SPDX-License-Identifier: Apache-2.0 */
/* text/chat: see chat.h. */
#include "text/chat.h"

#include <time.h>

#include "base/mem.h"

struct chat {
    struct template *plain, *with_tools; /* with_tools: NULL where the model has none */
    json_t *tokens;                      /* variables: the texts of special tokens */
    json_t *opening;                     /* messages before all others, or NULL */
    const struct toolcall_format *format;
};

/* A special token's variable; text that JSON cannot hold is left out like an absent token. */
static bool add_token(const struct chat *c, const struct vocab *v, const char *name, uint32_t id,
                      bool always)
{
    struct str text = vocab_view(v, id, true);
    if (id == TOKEN_NONE || !str_utf8_valid(text))
        return !always || json_object_set_new(c->tokens, name, json_string("")) == 0;
    return json_object_set_new(c->tokens, name, json_stringn(text.p, text.n)) == 0;
}

static bool add_tokens(struct chat *c, const struct vocab *v, struct err *e)
{
    c->tokens = json_object();
    return (c->tokens && add_token(c, v, "bos_token", v->bos, true) &&
            add_token(c, v, "eos_token", v->eos, true) &&
            add_token(c, v, "unk_token", v->unk, false) &&
            add_token(c, v, "pad_token", v->pad, false) &&
            add_token(c, v, "sep_token", v->sep, false) &&
            add_token(c, v, "cls_token", v->cls, false) &&
            add_token(c, v, "mask_token", v->mask, false)) ||
           fail(e, ERR_LIMIT, "not enough memory for the chat template");
}

static bool parse(struct chat *c, const struct gguf *g, const char *key, struct template **out,
                  struct err *e)
{
    struct str source = {0};
    if (!gguf_get_str(g, key, &source, e))
        return false;
    *out = source.n ? template_parse(source, e) : NULL;
    if (source.n)
        c->format = toolcall_detect(source); /* the template for tools comes last */
    return !source.n || *out || err_at(e, "the model's chat template (%s)", key);
}

struct chat *chat_new(const struct gguf *g, const struct vocab *v, struct err *e)
{
    *e = (struct err){.code = ERR_NONE};
    struct chat *c = mem_new(1, sizeof *c, e);
    if (c && parse(c, g, "tokenizer.chat_template", &c->plain, e) &&
        (!c->plain || (parse(c, g, "tokenizer.chat_template.tool_use", &c->with_tools, e) &&
                       add_tokens(c, v, e))) &&
        c->plain)
        return c;
    chat_free(c);
    return NULL;
}

void chat_free(struct chat *c)
{
    if (!c)
        return;
    template_free(c->plain);
    template_free(c->with_tools);
    json_decref(c->tokens);
    json_decref(c->opening);
    mem_free(c);
}

void chat_set_opening(struct chat *c, const json_t *opening)
{
    json_decref(c->opening);
    c->opening = json_incref((json_t *)opening);
}

static bool is_system(const json_t *m)
{
    const char *role = json_string_value(json_object_get(m, "role"));
    return role && str_is(STR("system"), role);
}

/* system message, opening, conversation; a new reference, or NULL where memory is short. */
static json_t *with_opening(const struct chat *c, const json_t *messages)
{
    const json_t *first = json_array_get(messages, 0);
    bool own = is_system(first);
    if (!json_array_size(c->opening))
        return json_incref((json_t *)messages);
    json_t *all = json_array();
    int bad = own ? json_array_append(all, (json_t *)first) : 0;
    for (size_t i = 0; !bad && i < json_array_size(c->opening); i++) {
        json_t *m = json_array_get(c->opening, i);
        bad = own && is_system(m) ? 0 : json_array_append(all, m);
    }
    for (size_t i = own; !bad && i < json_array_size(messages); i++)
        bad = json_array_append(all, json_array_get(messages, i));
    if (!bad)
        return all;
    json_decref(all);
    return NULL;
}

static json_t *variables(const struct chat *c, const json_t *messages, const json_t *tools,
                         const json_t *extra, bool add_generation_prompt)
{
    json_t *all = json_copy(c->tokens);
    /* Jansson counts references in the values it shares, so it takes them without const. */
    if (all && json_object_set_new(all, "messages", with_opening(c, messages)) == 0 &&
        (tools ? json_object_set(all, "tools", (json_t *)tools)
               : json_object_set_new(all, "tools", json_null())) == 0 &&
        json_object_set_new(all, "documents", json_null()) == 0 &&
        json_object_set_new(all, "add_generation_prompt", json_boolean(add_generation_prompt)) ==
            0 &&
        (!extra || json_object_update(all, (json_t *)extra) == 0))
        return all;
    json_decref(all);
    return NULL;
}

bool chat_render(const struct chat *c, const json_t *messages, const json_t *tools,
                 const json_t *extra, bool add_generation_prompt, struct buf *out, struct err *e)
{
    time_t seconds = time(NULL);
    struct tm now;
    json_t *all = variables(c, messages, tools, extra, add_generation_prompt);
    if (!all || !localtime_r(&seconds, &now)) {
        json_decref(all);
        return fail(e, ERR_LIMIT, "not enough memory for the chat template");
    }
    const struct template *t = tools && c->with_tools ? c->with_tools : c->plain;
    bool ok = template_render(t, all, &now, out, e) || err_at(e, "chat template");
    json_decref(all);
    return ok;
}

const struct toolcall_format *chat_format(const struct chat *c)
{
    return c->format;
}

bool chat_marker(const void *vocab, struct str text, uint32_t *id)
{
    const struct vocab *v = vocab;
    return vocab_find(v, text, id) && vocab_view(v, *id, false).n == 0;
}
