/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes catalogues: what is taken holds what catalog.h promises, and its models can be found. */
#include <string.h>

#include "store/catalog.h"

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
    static const char *const words[] = {"a", "MIT"};
    struct catalog c;
    struct err e = {0};
    if (!catalog_parse(&c, (struct str){(const char *)p, n}, "fuzz", &e)) {
        must(e.msg[0]);
        return 0;
    }
    must(c.terms.version > 0);
    for (size_t i = 0; i < c.n; i++) {
        const struct catalog_entry *m = &c.v[i];
        must(catalog_find(&c, &m->name) == m);
        must(!m->has_digest || strlen(m->digest.hex) == DIGEST_HEX);
        must(!m->tree || strlen(m->tree) == DIGEST_HEX);
        must(json_array_size(m->sources) > 0);
        (void)catalog_matches(m, words, 2);
        if (!catalog_check_entry(m, &e))
            must(e.msg[0]);
    }
    catalog_clear(&c);
    return 0;
}
