/* SPDX-License-Identifier: Apache-2.0 */
/* cli/tool_opts: see tool_opts.h. */
#include "cli/tool_opts.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "cli/opts.h"

json_t *tool_opts_read(const char *path, struct err *e)
{
    json_t *j = json_read_file(path, LIMIT_JSON_BYTES, e);
    if (!j)
        return NULL;
    json_t *list = json_is_object(j) ? json_object_get(j, "tools") : j;
    if (toolcall_check_tools(list, e)) {
        json_incref(list);
        json_decref(j);
        return list;
    }
    json_decref(j);
    err_at(e, "%s", path);
    return NULL;
}

static void say_notes(struct str notes)
{
    struct str line;
    while (str_cut(&notes, '\n', &line))
        if (line.n)
            fprintf(stderr, "moat: %.*s\n", STR_ARG(line));
}

bool tool_opts_bind(struct session *s, const char *choice, struct str prompt, struct err *e)
{
    const struct toolcall_format *f = chat_format(generator_chat(s->generator));
    bool any = !choice || strcmp(choice, "auto") == 0;
    bool must = choice && strcmp(choice, "required") == 0;
    struct toolcall_choice c = {any ? TOOLCALL_AUTO : TOOLCALL_REQUIRED,
                                any || must ? NULL : choice, true};
    if (!toolcall_has_calls(f))
        return fail(e, ERR_UNSUPPORTED,
                    "the chat template of this model takes no tools; try one whose template does");
    struct buf notes;
    buf_init(&notes, LIMIT_GRAMMAR_BYTES);
    grammar_free(s->grammar);
    s->grammar = toolcall_grammar(f, s->tools, &c, prompt, chat_marker,
                                  generator_vocab(s->generator), &notes, e);
    if (!s->said_unbound)
        say_notes(buf_view(&notes));
    s->said_unbound = true;
    buf_clear(&notes);
    s->settings.grammar = s->grammar;
    return s->grammar || e->code == ERR_NONE;
}

bool tool_opts_needs(const json_t *parameters, const char *key)
{
    size_t i;
    const json_t *v;
    json_array_foreach(json_object_get(parameters, "required"), i, v)
    {
        if (json_is_string(v) && strcmp(json_string_value(v), key) == 0)
            return true;
    }
    return false;
}
