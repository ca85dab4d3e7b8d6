/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_charset: see logs_charset.h. Sources: RFC 2781 (UTF-16), GB 18030-2005 section 5 (the
 * ranges of its bytes). */
#include "work/logs_charset.h"

#include <errno.h>
#include <iconv.h>
#include <string.h>

enum { LOOK = 65536, PIECE = 65536 };

/* --- which ---------------------------------------------------------------------------------------
 */

static bool is_marked(struct str in, const char *mark)
{
    return in.n >= 2 && memcmp(in.p, mark, 2) == 0;
}

/* NULs in every second place of most pairs and of the first ones, and none in the other. */
static bool has_nuls_at(struct str in, size_t odd)
{
    size_t n = in.n < 4096 ? in.n / 2 : 2048, nuls = 0, wrong = 0;
    for (size_t i = 0; i < n; i++) {
        nuls += in.p[2 * i + odd] == '\0';
        wrong += in.p[2 * i + !odd] == '\0';
        if (i < 4 && nuls <= i)
            return false;
    }
    return n >= 8 && nuls > n / 2 && wrong == 0;
}

static bool within(unsigned char c, unsigned low, unsigned high)
{
    return c >= low && c <= high;
}

/* Bytes of the character at p, 0: it is none. *common: level 1 or 2 of GB 2312. */
static size_t gb_character(const unsigned char *p, size_t n, bool *common)
{
    *common = false;
    if (p[0] < 0x80)
        return 1;
    if (n < 2 || !within(p[0], 0x81, 0xfe))
        return 0;
    *common = within(p[0], 0xb0, 0xf7) && within(p[1], 0xa1, 0xfe);
    if (within(p[1], 0x40, 0x7e) || within(p[1], 0x80, 0xfe))
        return 2;
    bool four =
        n >= 4 && within(p[1], 0x30, 0x39) && within(p[2], 0x81, 0xfe) && within(p[3], 0x30, 0x39);
    return four ? 4 : 0;
}

static bool is_gb18030(struct str in)
{
    const unsigned char *p = (const unsigned char *)in.p;
    size_t n = in.n < LOOK ? in.n : LOOK, wide = 0, usual = 0, wrong = 0;
    while (in.n > n && n > 0 && p[n - 1] != '\n') /* a whole number of lines, where there is one */
        n--;
    n = n ? n : LOOK;
    struct str looked = str_sub(in, 0, n < in.n ? n : in.n);
    n = looked.n;
    if (str_utf8_valid(str_sub(looked, 0, str_utf8_whole(looked))))
        return false;
    for (size_t i = 0, step; i < n; i += step) {
        bool common;
        step = gb_character(p + i, n - i, &common);
        wide += step > 1;
        usual += common;
        wrong += step == 0;
        step = step ? step : 1;
    }
    return wide >= 2 && usual >= wide - wide / 4 && wrong <= wide / 100;
}

enum logs_charset logs_charset_of(struct str in)
{
    if (is_marked(in, "\xff\xfe") || has_nuls_at(in, 1))
        return LOGS_UTF16_LITTLE;
    if (is_marked(in, "\xfe\xff") || has_nuls_at(in, 0))
        return LOGS_UTF16_BIG;
    return is_gb18030(in) ? LOGS_GB18030 : LOGS_BYTES;
}

/* --- UTF-16 --------------------------------------------------------------------------------------
 */

static void from_utf16(bool big, struct str in, struct buf *out)
{
    uint32_t high = 0;
    size_t from = is_marked(in, big ? "\xfe\xff" : "\xff\xfe") ? 2 : 0;
    for (size_t i = from; i + 1 < in.n; i += 2) {
        uint32_t a = (uint8_t)in.p[i], b = (uint8_t)in.p[i + 1], u = big ? a << 8 | b : b << 8 | a;
        bool low = u >= 0xdc00 && u < 0xe000;
        if (high && !low)
            buf_utf8(out, 0xfffd);
        if (low)
            u = high ? 0x10000 + ((high - 0xd800) << 10) + (u - 0xdc00) : 0xfffd;
        high = u >= 0xd800 && u < 0xdc00 ? u : 0;
        if (!high)
            buf_utf8(out, u);
    }
    if (high || (in.n - from) % 2)
        buf_utf8(out, 0xfffd);
}

/* --- GB18030 -------------------------------------------------------------------------------------
 */

static bool from_gb18030(struct str in, struct buf *out, struct err *e)
{
    char piece[PIECE], *from = (char *)(uintptr_t)in.p;
    size_t left = in.n;
    iconv_t cd = iconv_open("UTF-8", "GB18030");
    if (cd == (iconv_t)-1)
        return fail(e, ERR_UNSUPPORTED,
                    "the log is in GB18030, which this system cannot read: install the C library's "
                    "gconv modules, or give it in UTF-8");
    while (left && !out->bad) {
        char *to = piece;
        size_t room = sizeof piece;
        size_t rc = iconv(cd, &from, &left, &to, &room);
        buf_add(out, piece, sizeof piece - room);
        if (rc != (size_t)-1 || errno == E2BIG)
            continue;
        buf_utf8(out, 0xfffd); /* a byte that begins nothing, or the end of a file that was cut */
        from++;
        left--;
    }
    iconv_close(cd);
    return true;
}

bool logs_charset_decode(enum logs_charset c, struct str in, struct buf *out, struct err *e)
{
    if (c == LOGS_GB18030)
        return from_gb18030(in, out, e);
    if (c == LOGS_BYTES)
        buf_str(out, in);
    else
        from_utf16(c == LOGS_UTF16_BIG, in, out);
    return true;
}
