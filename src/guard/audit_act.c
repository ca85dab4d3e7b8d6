/* SPDX-License-Identifier: Apache-2.0 */
/* guard/audit_act: see audit_act.h. */
#include "guard/audit_act.h"

#include <stdio.h>
#include <string.h>

#include "base/os.h"

#define PART_BYTES (256u << 10)

bool audit_act_id(char id[AUDIT_ID], struct err *e)
{
    uint8_t random[12];
    bool ok = os_random(random, sizeof random, e);
    memcpy(id, "act_", 4);
    if (ok)
        sodium_bin2hex(id + 4, AUDIT_ID - 4, random, sizeof random);
    return ok;
}

json_t *audit_act(const char *act, const char *id, const char *phase)
{
    return json_pack("{ss ss ss}", "act", act, "id", id, "phase", phase);
}

bool audit_act_hash(json_t *record, enum audit_content content, const char *name, struct str text,
                    struct err *e)
{
    char key[64], hex[2 * HASH_BYTES + 1];
    struct hash h;
    if (content == AUDIT_NOTHING)
        return true;
    if (!hash_of(&text, 1, &h, e))
        return false;
    hash_hex(&h, hex);
    snprintf(key, sizeof key, "%s_sha256", name);
    json_object_set_new(record, key, json_string(hex));
    snprintf(key, sizeof key, "%s_bytes", name);
    json_object_set_new(record, key, json_integer((json_int_t)text.n));
    return true;
}

/* Whole characters of it that fit into a part; at least one byte. */
static size_t part_of(struct str text)
{
    if (text.n <= PART_BYTES)
        return text.n;
    size_t n = str_utf8_floor(text.p, PART_BYTES);
    return n ? n : PART_BYTES;
}

/* As text where it is, else in hexadecimal. */
static json_t *text_json(struct str part)
{
    json_t *j = json_stringn(part.p, part.n);
    if (j)
        return j;
    struct buf hex;
    buf_init(&hex, 2 * PART_BYTES + 16);
    for (size_t i = 0; i < part.n; i++)
        buf_fmt(&hex, "%02x", (unsigned char)part.p[i]);
    j = json_pack("{ss}", "hex", buf_c(&hex));
    buf_clear(&hex);
    return j;
}

bool audit_act_content(struct audit *a, const char *id, const char *name, struct str text,
                       struct err *e)
{
    bool ok = true;
    if (audit_settings_of(a)->content != AUDIT_FULL)
        return true;
    for (int part = 0; ok && (text.n || part == 0); part++) {
        size_t n = part_of(text);
        json_t *j = audit_act("content", id, "note");
        json_object_set_new(j, "of", json_string(name));
        json_object_set_new(j, "part", json_integer(part));
        json_object_set_new(j, "text", text_json(str_sub(text, 0, n)));
        ok = audit_append(a, j, e);
        json_decref(j);
        text = str_from(text, n);
    }
    return ok;
}

void audit_act_clean(struct str text, struct buf *out)
{
    size_t scheme = str_find(text, STR("://"));
    struct str rest = scheme == SIZE_MAX ? text : str_from(text, scheme + 3);
    size_t end = 0, at = SIZE_MAX;
    for (; end < rest.n && !strchr("/?#", rest.p[end]); end++)
        if (rest.p[end] == '@')
            at = end;
    if (scheme != SIZE_MAX && at != SIZE_MAX) {
        buf_str(out, str_sub(text, 0, scheme + 3));
        rest = str_from(rest, at + 1);
    } else {
        rest = text;
    }
    for (size_t i = 0; i < rest.n;)
        buf_utf8(out, str_utf8_next(rest, &i));
}
