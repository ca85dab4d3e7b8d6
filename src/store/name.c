/* SPDX-License-Identifier: Apache-2.0 */
/* store/name: see name.h. */
#include "store/name.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool name_part_valid(struct str part)
{
    if (part.n == 0 || part.n > NAME_PART || !is_alnum(part.p[0]) || part.p[part.n - 1] == '.')
        return false;
    for (size_t i = 0; i < part.n; i++)
        if (!is_alnum(part.p[i]) && part.p[i] != '.' && part.p[i] != '_' && part.p[i] != '-')
            return false;
    return true;
}

static void copy_part(char out[NAME_PART + 1], struct str part)
{
    memcpy(out, part.p, part.n);
    out[part.n] = '\0';
}

bool name_parse(struct name *n, struct str text, struct err *e)
{
    const char *colon = text.n ? memchr(text.p, ':', text.n) : NULL;
    struct str model = str_sub(text, 0, colon ? (size_t)(colon - text.p) : text.n);
    struct str tag = colon ? str_from(text, model.n + 1) : STR("latest");
    if (!name_part_valid(model) || !name_part_valid(tag))
        return fail(e, ERR_USAGE,
                    "\"%.*s\" is not a model name: NAME or NAME:TAG, each of 1 to %d letters, "
                    "digits, \".\", \"_\" or \"-\"",
                    STR_ARG(text), NAME_PART);
    copy_part(n->model, model);
    copy_part(n->tag, tag);
    snprintf(n->text, sizeof n->text, "%s:%s", n->model, n->tag);
    return true;
}

bool name_is_path(struct str text)
{
    bool slash = text.n && memchr(text.p, '/', text.n);
    return slash || (text.n >= 5 && strncasecmp(text.p + text.n - 5, ".gguf", 5) == 0);
}
