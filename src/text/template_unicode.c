/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_unicode: see template_unicode.h. General categories and simple case mappings come
 * from utf8proc; the tables here are the properties it does not give, from UnicodeData.txt,
 * DerivedCoreProperties.txt (Other_Lowercase, Other_Uppercase) and SpecialCasing.txt of Unicode 14.
 */
#include "text/template_unicode.h"

#include <utf8proc.h>

struct span {
    uint32_t first, last;
};
struct special {
    uint16_t c, upper[3], title[3];
};

static const struct span other_digit[] = {
    {0xb2, 0xb3},       {0xb9, 0xb9},       {0x1369, 0x1371},   {0x19da, 0x19da},
    {0x2070, 0x2070},   {0x2074, 0x2079},   {0x2080, 0x2089},   {0x2460, 0x2468},
    {0x2474, 0x247c},   {0x2488, 0x2490},   {0x24ea, 0x24ea},   {0x24f5, 0x24fd},
    {0x24ff, 0x24ff},   {0x2776, 0x277e},   {0x2780, 0x2788},   {0x278a, 0x2792},
    {0x10a40, 0x10a43}, {0x10e60, 0x10e68}, {0x11052, 0x1105a}, {0x1f100, 0x1f10a}};
static const struct span other_numeric[] = {
    {0x3405, 0x3405},   {0x3483, 0x3483},   {0x382a, 0x382a},   {0x3b4d, 0x3b4d},
    {0x4e00, 0x4e00},   {0x4e03, 0x4e03},   {0x4e07, 0x4e07},   {0x4e09, 0x4e09},
    {0x4e5d, 0x4e5d},   {0x4e8c, 0x4e8c},   {0x4e94, 0x4e94},   {0x4e96, 0x4e96},
    {0x4ebf, 0x4ec0},   {0x4edf, 0x4edf},   {0x4ee8, 0x4ee8},   {0x4f0d, 0x4f0d},
    {0x4f70, 0x4f70},   {0x5104, 0x5104},   {0x5146, 0x5146},   {0x5169, 0x5169},
    {0x516b, 0x516b},   {0x516d, 0x516d},   {0x5341, 0x5341},   {0x5343, 0x5345},
    {0x534c, 0x534c},   {0x53c1, 0x53c4},   {0x56db, 0x56db},   {0x58f1, 0x58f1},
    {0x58f9, 0x58f9},   {0x5e7a, 0x5e7a},   {0x5efe, 0x5eff},   {0x5f0c, 0x5f0e},
    {0x5f10, 0x5f10},   {0x62fe, 0x62fe},   {0x634c, 0x634c},   {0x67d2, 0x67d2},
    {0x6f06, 0x6f06},   {0x7396, 0x7396},   {0x767e, 0x767e},   {0x8086, 0x8086},
    {0x842c, 0x842c},   {0x8cae, 0x8cae},   {0x8cb3, 0x8cb3},   {0x8d30, 0x8d30},
    {0x9621, 0x9621},   {0x9646, 0x9646},   {0x964c, 0x964c},   {0x9678, 0x9678},
    {0x96f6, 0x96f6},   {0xf96b, 0xf96b},   {0xf973, 0xf973},   {0xf978, 0xf978},
    {0xf9b2, 0xf9b2},   {0xf9d1, 0xf9d1},   {0xf9d3, 0xf9d3},   {0xf9fd, 0xf9fd},
    {0x20001, 0x20001}, {0x20064, 0x20064}, {0x200e2, 0x200e2}, {0x20121, 0x20121},
    {0x2092a, 0x2092a}, {0x20983, 0x20983}, {0x2098c, 0x2098c}, {0x2099c, 0x2099c},
    {0x20aea, 0x20aea}, {0x20afd, 0x20afd}, {0x20b19, 0x20b19}, {0x22390, 0x22390},
    {0x22998, 0x22998}, {0x23b1b, 0x23b1b}, {0x2626d, 0x2626d}, {0x2f890, 0x2f890}};
static const struct span other_lower[] = {
    {0xaa, 0xaa},       {0xba, 0xba},       {0x2b0, 0x2b8},     {0x2c0, 0x2c1},    {0x2e0, 0x2e4},
    {0x345, 0x345},     {0x37a, 0x37a},     {0x1d2c, 0x1d6a},   {0x1d78, 0x1d78},  {0x1d9b, 0x1dbf},
    {0x2071, 0x2071},   {0x207f, 0x207f},   {0x2090, 0x209c},   {0x2170, 0x217f},  {0x24d0, 0x24e9},
    {0x2c7c, 0x2c7d},   {0xa69c, 0xa69d},   {0xa770, 0xa770},   {0xa7f8, 0xa7f9},  {0xab5c, 0xab5f},
    {0x10780, 0x10780}, {0x10783, 0x10785}, {0x10787, 0x107b0}, {0x107b2, 0x107ba}};
static const struct span other_upper[] = {
    {0x2160, 0x216f}, {0x24b6, 0x24cf}, {0x1f130, 0x1f149}, {0x1f150, 0x1f169}, {0x1f170, 0x1f189}};
static const struct special special[] = {{0xdf, {0x53, 0x53}, {0x53, 0x73}},
                                         {0x149, {0x2bc, 0x4e}, {0x2bc, 0x4e}},
                                         {0x1f0, {0x4a, 0x30c}, {0x4a, 0x30c}},
                                         {0x390, {0x399, 0x308, 0x301}, {0x399, 0x308, 0x301}},
                                         {0x3b0, {0x3a5, 0x308, 0x301}, {0x3a5, 0x308, 0x301}},
                                         {0x587, {0x535, 0x552}, {0x535, 0x582}},
                                         {0x1e96, {0x48, 0x331}, {0x48, 0x331}},
                                         {0x1e97, {0x54, 0x308}, {0x54, 0x308}},
                                         {0x1e98, {0x57, 0x30a}, {0x57, 0x30a}},
                                         {0x1e99, {0x59, 0x30a}, {0x59, 0x30a}},
                                         {0x1e9a, {0x41, 0x2be}, {0x41, 0x2be}},
                                         {0x1f50, {0x3a5, 0x313}, {0x3a5, 0x313}},
                                         {0x1f52, {0x3a5, 0x313, 0x300}, {0x3a5, 0x313, 0x300}},
                                         {0x1f54, {0x3a5, 0x313, 0x301}, {0x3a5, 0x313, 0x301}},
                                         {0x1f56, {0x3a5, 0x313, 0x342}, {0x3a5, 0x313, 0x342}},
                                         {0x1fb2, {0x1fba, 0x399}, {0x1fba, 0x345}},
                                         {0x1fb3, {0x391, 0x399}, {0x1fbc}},
                                         {0x1fb4, {0x386, 0x399}, {0x386, 0x345}},
                                         {0x1fb6, {0x391, 0x342}, {0x391, 0x342}},
                                         {0x1fb7, {0x391, 0x342, 0x399}, {0x391, 0x342, 0x345}},
                                         {0x1fbc, {0x391, 0x399}, {0x1fbc}},
                                         {0x1fc2, {0x1fca, 0x399}, {0x1fca, 0x345}},
                                         {0x1fc3, {0x397, 0x399}, {0x1fcc}},
                                         {0x1fc4, {0x389, 0x399}, {0x389, 0x345}},
                                         {0x1fc6, {0x397, 0x342}, {0x397, 0x342}},
                                         {0x1fc7, {0x397, 0x342, 0x399}, {0x397, 0x342, 0x345}},
                                         {0x1fcc, {0x397, 0x399}, {0x1fcc}},
                                         {0x1fd2, {0x399, 0x308, 0x300}, {0x399, 0x308, 0x300}},
                                         {0x1fd3, {0x399, 0x308, 0x301}, {0x399, 0x308, 0x301}},
                                         {0x1fd6, {0x399, 0x342}, {0x399, 0x342}},
                                         {0x1fd7, {0x399, 0x308, 0x342}, {0x399, 0x308, 0x342}},
                                         {0x1fe2, {0x3a5, 0x308, 0x300}, {0x3a5, 0x308, 0x300}},
                                         {0x1fe3, {0x3a5, 0x308, 0x301}, {0x3a5, 0x308, 0x301}},
                                         {0x1fe4, {0x3a1, 0x313}, {0x3a1, 0x313}},
                                         {0x1fe6, {0x3a5, 0x342}, {0x3a5, 0x342}},
                                         {0x1fe7, {0x3a5, 0x308, 0x342}, {0x3a5, 0x308, 0x342}},
                                         {0x1ff2, {0x1ffa, 0x399}, {0x1ffa, 0x345}},
                                         {0x1ff3, {0x3a9, 0x399}, {0x1ffc}},
                                         {0x1ff4, {0x38f, 0x399}, {0x38f, 0x345}},
                                         {0x1ff6, {0x3a9, 0x342}, {0x3a9, 0x342}},
                                         {0x1ff7, {0x3a9, 0x342, 0x399}, {0x3a9, 0x342, 0x345}},
                                         {0x1ffc, {0x3a9, 0x399}, {0x1ffc}},
                                         {0xfb00, {0x46, 0x46}, {0x46, 0x66}},
                                         {0xfb01, {0x46, 0x49}, {0x46, 0x69}},
                                         {0xfb02, {0x46, 0x4c}, {0x46, 0x6c}},
                                         {0xfb03, {0x46, 0x46, 0x49}, {0x46, 0x66, 0x69}},
                                         {0xfb04, {0x46, 0x46, 0x4c}, {0x46, 0x66, 0x6c}},
                                         {0xfb05, {0x53, 0x54}, {0x53, 0x74}},
                                         {0xfb06, {0x53, 0x54}, {0x53, 0x74}},
                                         {0xfb13, {0x544, 0x546}, {0x544, 0x576}},
                                         {0xfb14, {0x544, 0x535}, {0x544, 0x565}},
                                         {0xfb15, {0x544, 0x53b}, {0x544, 0x56b}},
                                         {0xfb16, {0x54e, 0x546}, {0x54e, 0x576}},
                                         {0xfb17, {0x544, 0x53d}, {0x544, 0x56d}}};

static bool in_spans(const struct span *s, size_t n, uint32_t c)
{
    size_t lo = 0;
    while (lo < n) {
        size_t mid = lo + (n - lo) / 2;
        if (c < s[mid].first)
            n = mid;
        else if (c > s[mid].last)
            lo = mid + 1;
        else
            return true;
    }
    return false;
}
#define IN(table, c) in_spans(table, sizeof table / sizeof *table, c)

static unsigned ascii_class(uint32_t c)
{
    unsigned k = c >= 32 && c < 127 ? CHAR_PRINTABLE : 0;
    if (c >= '0' && c <= '9')
        k |= CHAR_DECIMAL | CHAR_DIGIT | CHAR_NUMERIC | CHAR_WORD;
    else if (c >= 'a' && c <= 'z')
        k |= CHAR_ALPHA | CHAR_LOWER | CHAR_WORD;
    else if (c >= 'A' && c <= 'Z')
        k |= CHAR_ALPHA | CHAR_UPPER | CHAR_WORD;
    else if (c == '_')
        k |= CHAR_WORD;
    else if (c == ' ' || (c >= 9 && c <= 13) || (c >= 28 && c <= 31))
        k |= CHAR_SPACE;
    return k;
}

unsigned char_class(uint32_t c)
{
    if (c < 128)
        return ascii_class(c);
    unsigned k = CHAR_PRINTABLE;
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_LU:
        k |= CHAR_ALPHA | CHAR_WORD | CHAR_UPPER;
        break;
    case UTF8PROC_CATEGORY_LL:
        k |= CHAR_ALPHA | CHAR_WORD | CHAR_LOWER;
        break;
    case UTF8PROC_CATEGORY_LT:
        k |= CHAR_ALPHA | CHAR_WORD | CHAR_TITLE;
        break;
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
        k |= CHAR_ALPHA | CHAR_WORD | (IN(other_numeric, c) ? CHAR_NUMERIC : 0u);
        break;
    case UTF8PROC_CATEGORY_ND:
        k |= CHAR_DECIMAL | CHAR_DIGIT | CHAR_NUMERIC | CHAR_WORD;
        break;
    case UTF8PROC_CATEGORY_NL:
        k |= CHAR_NUMERIC | CHAR_WORD;
        break;
    case UTF8PROC_CATEGORY_NO:
        k |= CHAR_NUMERIC | (IN(other_digit, c) ? CHAR_DIGIT : 0u);
        break;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_PC:
        k |= CHAR_WORD;
        break;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        k = CHAR_SPACE;
        break;
    case UTF8PROC_CATEGORY_CC:
        k = c == 0x85 ? CHAR_SPACE : 0;
        break;
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
        k = 0;
        break;
    default:
        break;
    }
    if (!(k & (CHAR_LOWER | CHAR_UPPER)))
        k |= IN(other_lower, c) ? CHAR_LOWER : IN(other_upper, c) ? CHAR_UPPER : 0u;
    return k;
}

int char_decimal(uint32_t c)
{
    if (c < 128)
        return c >= '0' && c <= '9' ? (int)(c - '0') : -1;
    if (!(char_class(c) & CHAR_DECIMAL))
        return -1;
    if (c >= 0x1d7ce && c <= 0x1d7ff) /* five runs without a gap */
        return (int)((c - 0x1d7ce) % 10);
    uint32_t zero = c; /* decimal digits stand in runs of ten, each run starts at a zero */
    while (c - zero < 9 && char_class(zero - 1) & CHAR_DECIMAL)
        zero--;
    return (int)(c - zero);
}

static const struct special *find_special(uint32_t c)
{
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if (special[i].c == c)
            return &special[i];
    return NULL;
}

static size_t copy(const uint16_t from[3], uint32_t out[3])
{
    size_t n = 0;
    for (; n < 3 && from[n]; n++)
        out[n] = from[n];
    return n;
}

size_t char_map(uint32_t c, enum char_case to, uint32_t out[3])
{
    utf8proc_int32_t in = (utf8proc_int32_t)c, folded[3];
    if (to == CASE_FOLD) {
        int boundary = 0;
        utf8proc_ssize_t n = utf8proc_decompose_char(in, folded, 3, UTF8PROC_CASEFOLD, &boundary);
        for (utf8proc_ssize_t i = 0; i < n && i < 3; i++)
            out[i] = (uint32_t)folded[i];
        return n > 0 && n <= 3 ? (size_t)n : 0;
    }
    if (to == CASE_LOWER) {
        out[0] = c == 0x130 ? 'i' : (uint32_t)utf8proc_tolower(in);
        out[1] = 0x307;
        return c == 0x130 ? 2 : 1;
    }
    if (c >= 0x1f80 && c <= 0x1faf) { /* Greek with iota subscript */
        out[0] = to == CASE_TITLE ? c | 8
                                  : (c < 0x1f90   ? 0x1f08
                                     : c < 0x1fa0 ? 0x1f28
                                                  : 0x1f68) +
                                        (c & 7);
        out[1] = 0x399;
        return to == CASE_TITLE ? 1 : 2;
    }
    const struct special *s = c < 0xdf ? NULL : find_special(c);
    if (s)
        return copy(to == CASE_UPPER ? s->upper : s->title, out);
    out[0] = (uint32_t)(to == CASE_UPPER ? utf8proc_toupper(in) : utf8proc_totitle(in));
    return 1;
}

size_t utf8_count(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

size_t utf8_offset(struct str s, size_t index)
{
    size_t at = 0;
    for (; at < s.n; at++)
        if (((unsigned char)s.p[at] & 0xc0) != 0x80 && index-- == 0)
            break;
    return at;
}

size_t utf8_back(struct str s, size_t at)
{
    do
        at--;
    while (at > 0 && ((unsigned char)s.p[at] & 0xc0) == 0x80);
    return at;
}

struct str utf8_strip(struct str s, bool front, bool back)
{
    while (front && s.n && s.p[0] == ' ')
        s = str_from(s, 1);
    while (back && s.n && s.p[s.n - 1] == ' ')
        s.n--;
    while (front && s.n) {
        size_t at = 0;
        if (!(char_class(str_utf8_next(s, &at)) & CHAR_SPACE))
            break;
        s = str_from(s, at);
    }
    while (back && s.n) {
        size_t at = utf8_back(s, s.n), start = at;
        if (!(char_class(str_utf8_next(s, &at)) & CHAR_SPACE))
            break;
        s.n = start;
    }
    return s;
}
