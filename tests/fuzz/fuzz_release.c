/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes guard/release: a list of files as somebody could have signed it. What is taken names files
 * beside the list, none twice. */
#include <string.h>

#include "base/mem.h"
#include "guard/release.h"

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
    static struct release r;
    struct err e = {0};
    if (!release_parse(&r, (struct str){(const char *)p, n}, "fuzz", &e)) {
        must(e.msg[0]);
        return 0;
    }
    must(r.n > 0 && r.n <= RELEASE_FILES);
    for (uint32_t i = 0; i < r.n; i++) {
        must(r.v[i].name[0] && r.v[i].name[0] != '.' && !strchr(r.v[i].name, '/'));
        for (uint32_t k = 0; k < i; k++)
            must(strcmp(r.v[i].name, r.v[k].name) != 0);
    }
    return 0;
}
