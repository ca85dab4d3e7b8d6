/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes model names: what is accepted is safe as a file name and parses again to itself. */
#include <string.h>

#include "store/name.h"

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

static void check_part(const char *part)
{
    must(part[0] && part[0] != '.' && !strchr(part, '/') && !strchr(part, '\\'));
    must(strlen(part) <= NAME_PART && strcmp(part, "..") != 0);
    for (const char *c = part; *c; c++)
        must(*c > ' ' && *c < 0x7f && *c != ':');
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
    struct str text = {(const char *)p, n};
    struct name a, b;
    struct err e = {0};
    (void)name_is_path(text);
    if (!name_parse(&a, text, &e)) {
        must(e.msg[0]);
        return 0;
    }
    check_part(a.model);
    check_part(a.tag);
    must(name_parse(&b, str_of(a.text), &e) && strcmp(a.text, b.text) == 0);
    return 0;
}
