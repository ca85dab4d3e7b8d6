/* SPDX-License-Identifier: Apache-2.0 */
/* guard/roles: see roles.h. */
#include "guard/roles.h"

#include <stdio.h>
#include <string.h>

#include "guard/keys.h"

/* A row for each command; one of a command and its verb comes first and counts alone. */
static const struct {
    const char *command, *verb;
    unsigned roles;
} rows[] = {
    {"run", NULL, ROLE_USER},
    {"embed", NULL, ROLE_USER},
    {"ask", NULL, ROLE_USER},
    {"logs", NULL, ROLE_USER | ROLE_OPERATOR | ROLE_AUDITOR},
    {"tokenize", NULL, ROLE_USER | ROLE_OPERATOR},
    {"template", NULL, ROLE_USER | ROLE_OPERATOR},
    {"grammar", NULL, ROLE_USER | ROLE_OPERATOR},
    {"bench", NULL, ROLE_USER | ROLE_OPERATOR},
    {"logits", NULL, ROLE_USER | ROLE_OPERATOR},
    {"perplexity", NULL, ROLE_USER | ROLE_OPERATOR},
    {"imatrix", NULL, ROLE_USER | ROLE_OPERATOR},

    {"serve", NULL, ROLE_OPERATOR},
    {"mirror", NULL, ROLE_OPERATOR},
    {"stop", NULL, ROLE_OPERATOR},
    {"pull", NULL, ROLE_OPERATOR},
    {"import", NULL, ROLE_OPERATOR},
    {"create", NULL, ROLE_OPERATOR},
    {"convert", NULL, ROLE_OPERATOR},
    {"quantize", NULL, ROLE_OPERATOR},
    {"export", NULL, ROLE_OPERATOR},
    {"push", NULL, ROLE_OPERATOR},
    {"cp", NULL, ROLE_OPERATOR},
    {"rm", NULL, ROLE_OPERATOR},
    {"gc", NULL, ROLE_OPERATOR},
    {"pack", NULL, ROLE_OPERATOR},
    {"bundle", "verify", ROLE_ALL},
    {"bundle", NULL, ROLE_OPERATOR | ROLE_OFFICER},
    {"catalog", NULL, ROLE_OPERATOR | ROLE_OFFICER},
    {"key", NULL, ROLE_OPERATOR},

    {"policy", "show", ROLE_ALL},
    {"policy", "check", ROLE_ALL},
    {"policy", "verify", ROLE_ALL},
    {"policy", NULL, ROLE_OFFICER},
    {"sign", "show", ROLE_ALL},
    {"sign", NULL, ROLE_OFFICER},

    {"audit", "verify", ROLE_ALL},
    {"audit", "tail", ROLE_ALL},
    {"audit", "init", ROLE_OFFICER},
    {"audit", "send", ROLE_OPERATOR | ROLE_AUDITOR},
    {"audit", NULL, ROLE_AUDITOR},

    {"list", NULL, ROLE_ALL},
    {"show", NULL, ROLE_ALL},
    {"ps", NULL, ROLE_ALL},
    {"verify", NULL, ROLE_ALL},
    {"doctor", NULL, ROLE_ALL},
    {"attest", NULL, ROLE_ALL},
    {"config", NULL, ROLE_ALL},
    {"completion", NULL, ROLE_ALL},
};

static const char *const names[] = {"user", "operator", "officer", "auditor"};

enum { N_ROLES = sizeof names / sizeof *names };

/* --- texts ---------------------------------------------------------------------------------------
 */

void roles_list(unsigned roles, char out[64])
{
    size_t n = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < N_ROLES; i++)
        if (roles & 1u << i)
            n += (size_t)snprintf(out + n, 64 - n, "%s%s", n ? ", " : "", names[i]);
}

void roles_who(const struct role_holder *h, char out[ROLES_WHO])
{
    snprintf(out, ROLES_WHO, "%s:%u", h->group ? "gid" : "uid", h->id);
}

bool roles_read(unsigned *roles, struct str list, struct err *e)
{
    struct str one;
    *roles = 0;
    if (str_is(list, "none"))
        return true;
    while (str_cut(&list, ',', &one)) {
        unsigned i = 0;
        while (i < N_ROLES && !str_is(one, names[i]))
            i++;
        if (i == N_ROLES)
            return fail(e, ERR_USAGE,
                        "\"%.*s\" is no role; there are user, operator, officer and auditor, with "
                        "commas between several, or none",
                        STR_ARG(one));
        *roles |= 1u << i;
    }
    return true;
}

static bool read_who(struct role_holder *h, struct str who, struct err *e)
{
    uint64_t id = 0;
    h->group = str_starts(who, STR("gid:"));
    if ((!h->group && !str_starts(who, STR("uid:"))) || !str_to_u64(str_from(who, 4), &id) ||
        id >= UINT32_MAX)
        return fail(e, ERR_USAGE, "\"%.*s\" is nobody: uid:NUMBER or gid:NUMBER is wanted",
                    STR_ARG(who));
    h->id = (uint32_t)id;
    return true;
}

/* --- who holds what ------------------------------------------------------------------------------
 */

static struct role_holder *holder(struct roles *r, const struct role_holder *wanted)
{
    for (uint32_t i = 0; i < r->n; i++)
        if (r->v[i].group == wanted->group && r->v[i].id == wanted->id)
            return &r->v[i];
    return NULL;
}

static bool give(struct roles *r, struct str who, unsigned roles, bool instead, struct err *e)
{
    struct role_holder h = {0};
    if (!read_who(&h, who, e))
        return false;
    struct role_holder *there = holder(r, &h);
    if (!there && r->n == ROLES_MOST)
        return fail(e, ERR_LIMIT, "%d users and groups with roles are the most", ROLES_MOST);
    if (!there) {
        there = &r->v[r->n++];
        *there = h;
    }
    there->roles = instead ? roles : there->roles | roles;
    if (!there->roles)
        *there = r->v[--r->n];
    r->told = true;
    return true;
}

bool roles_set(struct roles *r, struct str who, struct str list, struct err *e)
{
    unsigned roles;
    return roles_read(&roles, list, e) && give(r, who, roles, true, e);
}

static bool parse_list(struct roles *r, unsigned role, const json_t *list, struct err *e)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *who = json_string_value(json_array_get(list, i));
        if (!who || !give(r, str_of(who), role, false, e))
            return false;
    }
    return json_is_array(list);
}

bool roles_parse(struct roles *r, const json_t *j, struct err *e)
{
    const char *key;
    json_t *list;
    *r = (struct roles){.told = j != NULL};
    if (j && !json_is_object(j))
        return fail(e, ERR_CORRUPT, "\"roles\" must be an object of lists");
    json_object_foreach((json_t *)(uintptr_t)j, key, list)
    {
        unsigned role = 0;
        if (!roles_read(&role, str_of(key), e) || !role || !parse_list(r, role, list, e))
            return fail(e, ERR_CORRUPT,
                        "\"roles\" must hold lists of uid:NUMBER and gid:NUMBER under user, "
                        "operator, officer and auditor");
    }
    return true;
}

json_t *roles_to_json(const struct roles *r)
{
    char who[ROLES_WHO];
    if (!r->told)
        return NULL;
    json_t *j = json_object();
    for (unsigned i = 0; i < N_ROLES; i++) {
        json_t *list = json_array();
        for (uint32_t k = 0; k < r->n; k++)
            if (r->v[k].roles & 1u << i) {
                roles_who(&r->v[k], who);
                json_array_append_new(list, json_string(who));
            }
        json_object_set_new(j, names[i], list);
    }
    return j;
}

unsigned roles_of(const struct roles *r, uint32_t uid, const uint32_t *gid, size_t n)
{
    unsigned held = r->told ? 0 : ROLE_ALL;
    for (uint32_t i = 0; i < r->n; i++) {
        const struct role_holder *h = &r->v[i];
        bool is = !h->group && h->id == uid;
        for (size_t k = 0; h->group && k < n; k++)
            is |= h->id == gid[k];
        held |= is ? h->roles : 0;
    }
    return held;
}

/* --- what they may -------------------------------------------------------------------------------
 */

unsigned roles_for(const char *command, const char *verb)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].command, command) == 0 &&
            (!rows[i].verb || strcmp(rows[i].verb, verb) == 0))
            return rows[i].roles;
    return 0;
}

/* (I1) A command without a row is nobody's. */
bool roles_allow(unsigned held, const char *command, const char *verb, struct err *e)
{
    char wanted[64], has[64];
    unsigned roles = roles_for(command, verb);
    if (roles & held)
        return true;
    roles_list(roles, wanted);
    roles_list(held, has);
    return fail(e, ERR_DENIED,
                "moat %s is for another role (%s) than those that the policy gives this user (%s); "
                "moat policy show says who holds which",
                command, wanted[0] ? wanted : "-", has[0] ? has : "-");
}

unsigned roles_scopes(unsigned held)
{
    return (held & ROLE_USER ? (unsigned)KEY_USUAL : 0) |
           (held & ROLE_OPERATOR ? (unsigned)KEY_OPERATOR | KEY_METRICS : 0) |
           (held & ROLE_AUDITOR ? (unsigned)KEY_METRICS : 0);
}
