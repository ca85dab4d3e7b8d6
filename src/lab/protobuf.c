/* SPDX-License-Identifier: Apache-2.0 */
/* lab/protobuf: see protobuf.h. */
#include "lab/protobuf.h"

#include <string.h>

enum kind { VARINT, FIXED64, BYTES, START_GROUP, END_GROUP, FIXED32 };

static bool damaged(struct err *e)
{
    return fail(e, ERR_CORRUPT,
                "the protocol buffer is cut short or damaged; fetch the file again");
}

/* Seven bits a byte, lowest first; ten bytes at most. */
static bool varint(struct str *s, uint64_t *v)
{
    *v = 0;
    for (unsigned i = 0; i < 10 && i < s->n; i++) {
        unsigned char c = (unsigned char)s->p[i];
        *v |= (uint64_t)(c & 127) << 7 * i;
        if (c < 128) {
            *s = str_from(*s, i + 1);
            return true;
        }
    }
    return false;
}

static bool fixed(struct str *s, unsigned n, uint64_t *v)
{
    if (s->n < n)
        return false;
    *v = 0;
    memcpy(v, s->p, n); /* little-endian, as this machine is */
    *s = str_from(*s, n);
    return true;
}

static bool take_bytes(struct str *s, struct str *bytes)
{
    uint64_t n;
    if (!varint(s, &n) || n > s->n)
        return false;
    *bytes = str_sub(*s, 0, (size_t)n);
    *s = str_from(*s, (size_t)n);
    return true;
}

bool protobuf_next(struct str *message, struct protobuf_field *f, struct err *e)
{
    uint64_t tag;
    e->code = ERR_NONE;
    *f = (struct protobuf_field){0};
    if (message->n == 0)
        return false;
    if (!varint(message, &tag))
        return damaged(e);
    f->number = tag >> 3;
    switch (tag & 7) {
    case VARINT:
        return varint(message, &f->value) || damaged(e);
    case FIXED64:
        return fixed(message, 8, &f->value) || damaged(e);
    case FIXED32:
        return fixed(message, 4, &f->value) || damaged(e);
    case BYTES:
        return take_bytes(message, &f->bytes) || damaged(e);
    default:
        return damaged(e);
    }
}

float protobuf_float(const struct protobuf_field *f)
{
    uint32_t bits = (uint32_t)f->value;
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}
