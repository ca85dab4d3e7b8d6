/* SPDX-License-Identifier: Apache-2.0 */
/* text/bytemap: see bytemap.h. */
#include "text/bytemap.h"

/* The byte that a two-byte character stands for; -1 when none. U+0100.. stand for the bytes that
 * are not printable in Latin-1: 0..0x20 (33 of them), 0x7F, 0x80..0xA0 (33), 0xAD. */
static int byte_of(uint32_t c)
{
    if ((c >= 0xa1 && c <= 0xac) || (c >= 0xae && c <= 0xff))
        return (int)c;
    if (c < 0x100 || c > 0x143)
        return -1;
    int k = (int)c - 0x100;
    return k <= 0x20 ? k : k == 33 ? 0x7f : k <= 66 ? 0x80 + k - 34 : 0xad;
}

bool bytemap_decode(struct str text, char *out, size_t *n)
{
    size_t len = 0;
    for (size_t at = 0; at < text.n;) {
        unsigned char c = (unsigned char)text.p[at];
        if (c > ' ' && c < 0x7f) {
            out[len++] = (char)c;
            at++;
            continue;
        }
        if ((c & 0xe0) != 0xc0 || at + 1 >= text.n || (text.p[at + 1] & 0xc0) != 0x80)
            return false;
        int byte = byte_of((c & 0x1fu) << 6 | ((unsigned char)text.p[at + 1] & 0x3fu));
        if (byte < 0)
            return false;
        out[len++] = (char)byte;
        at += 2;
    }
    *n = len;
    return true;
}
