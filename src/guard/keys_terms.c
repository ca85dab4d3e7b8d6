/* SPDX-License-Identifier: Apache-2.0 */
/* guard/keys_terms: what a key may do and for how long; see keys.h. */
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "guard/keys.h"

#define FOREVER_S (100ll * 366 * 86400) /* what is longer is no date */

static const char *const scope_names[KEY_SCOPES] = {"inference", "embeddings", "mirror", "metrics",
                                                    "operator"};

const char *key_scope_name(unsigned i)
{
    return i < KEY_SCOPES ? scope_names[i] : NULL;
}

void key_scope_list(unsigned scopes, char out[64])
{
    struct buf b;
    buf_init(&b, 63);
    for (unsigned i = 0; i < KEY_SCOPES; i++)
        if (scopes & 1u << i) {
            buf_cstr(&b, b.n ? ", " : "");
            buf_cstr(&b, scope_names[i]);
        }
    memcpy(out, buf_c(&b), b.n + 1);
    buf_clear(&b);
}

bool key_scope_add(unsigned *scopes, struct str name, struct err *e)
{
    char all[64];
    for (unsigned i = 0; i < KEY_SCOPES; i++)
        if (str_is(name, scope_names[i])) {
            *scopes |= 1u << i;
            return true;
        }
    key_scope_list((1u << KEY_SCOPES) - 1, all);
    return fail(e, ERR_USAGE, "\"%.*s\" is no scope; there are %s", STR_ARG(name), all);
}

/* --- texts ---------------------------------------------------------------------------------------
 */

/* Printable, and with its NUL no longer than cap. */
static bool is_text(struct str s, size_t cap)
{
    char copy[KEY_SUBJECT];
    if (s.n == 0 || s.n >= cap || s.n >= sizeof copy || memchr(s.p, '\0', s.n))
        return false;
    memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    str_make_printable(copy);
    return memcmp(copy, s.p, s.n) == 0;
}

bool key_model_add(struct key_terms *t, struct str model, struct err *e)
{
    if (!is_text(model, KEY_MODEL))
        return fail(e, ERR_USAGE, "a key's model is named as requests name it, in 1 to %d bytes",
                    KEY_MODEL - 1);
    if (t->n_models == KEY_MODELS)
        return fail(e, ERR_LIMIT, "a key names %d models at most; without any it may use all",
                    KEY_MODELS);
    memcpy(t->models[t->n_models], model.p, model.n);
    t->models[t->n_models++][model.n] = '\0';
    return true;
}

bool key_terms_check(const struct key_terms *t, struct err *e)
{
    if (!t->scopes)
        return fail(e, ERR_USAGE, "a key needs a scope");
    if (t->tenant[0] && !is_text(str_of(t->tenant), KEY_TENANT))
        return fail(e, ERR_USAGE, "a tenant's name has 1 to %d bytes without control characters",
                    KEY_TENANT - 1);
    return !t->subject[0] || is_text(str_of(t->subject), KEY_SUBJECT) ||
           fail(e, ERR_USAGE, "a certificate's subject has 1 to %d bytes of printable text",
                KEY_SUBJECT - 1);
}

/* --- the end -------------------------------------------------------------------------------------
 */

/* "90d" */
bool key_span(struct str text, int64_t *seconds)
{
    static const char units[] = "smhd";
    static const int64_t length[] = {1, 60, 3600, 86400};
    uint64_t n = 0;
    const char *unit = text.n > 1 ? strchr(units, text.p[text.n - 1]) : NULL;
    if (!unit || !*unit || !str_to_u64(str_sub(text, 0, text.n - 1), &n) || n > FOREVER_S)
        return false;
    *seconds = (int64_t)n * length[unit - units];
    return *seconds <= FOREVER_S;
}

static bool number_at(struct str text, size_t at, size_t n, uint64_t most, int *out)
{
    uint64_t v = 0;
    if (!str_to_u64(str_sub(text, at, n), &v) || v > most)
        return false;
    *out = (int)v;
    return true;
}

/* "2027-03-31" or "2027-03-31T12:00:00Z" */
bool key_date(struct str text, int64_t *at)
{
    struct tm t = {0}, back = {0};
    bool has_time = text.n == 20;
    if ((text.n != 10 && !has_time) || text.p[4] != '-' || text.p[7] != '-' ||
        !number_at(text, 0, 4, 9999, &t.tm_year) || !number_at(text, 5, 2, 12, &t.tm_mon) ||
        !number_at(text, 8, 2, 31, &t.tm_mday))
        return false;
    if (has_time &&
        (text.p[10] != 'T' || text.p[13] != ':' || text.p[16] != ':' || text.p[19] != 'Z' ||
         !number_at(text, 11, 2, 23, &t.tm_hour) || !number_at(text, 14, 2, 59, &t.tm_min) ||
         !number_at(text, 17, 2, 59, &t.tm_sec)))
        return false;
    t.tm_year -= 1900;
    t.tm_mon--;
    int day = t.tm_mday, month = t.tm_mon;
    time_t when = timegm(&t);
    *at = when;
    return gmtime_r(&when, &back) && back.tm_mday == day &&
           back.tm_mon == month; /* there is no 30 February */
}

bool key_expiry(struct str text, int64_t now, int64_t *out, struct err *e)
{
    int64_t span;
    if (key_span(text, &span))
        *out = now + span;
    else if (!key_date(text, out))
        return fail(e, ERR_USAGE,
                    "\"%.*s\" is no time; write 2027-03-31, 2027-03-31T12:00:00Z, or 90d, 12h, 30m "
                    "from now on",
                    STR_ARG(text));
    return *out > now ||
           fail(e, ERR_USAGE, "\"%.*s\" is past; a key ends in the future", STR_ARG(text));
}
