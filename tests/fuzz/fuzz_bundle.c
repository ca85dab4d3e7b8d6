/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes store/bundle_head and bundle_list: a header, then a list of files as somebody could have
 * signed it. What is taken must hold: paths are safe, sizes in bounds, numbers print as they were
 * read. */
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "store/bundle_head.h"

static void try_header(const char *p)
{
    struct bundle_layout l;
    struct err e;
    char again[BUNDLE_HEADER];
    if (!bundle_header_parse(&l, p, "fuzz", &e))
        return;
    bundle_header_print(&l, again);
    must(memcmp(again, p, BUNDLE_HEADER) == 0 && l.head_bytes <= LIMIT_BUNDLE_HEAD);
}

static void try_list(struct str text)
{
    struct err e;
    struct bundle b = {.at = {.head_bytes = BUNDLE_ALIGN, .payload_bytes = BUNDLE_SEGMENT + 1}};
    if (bundle_list_parse(&b, text, "fuzz", &e))
        for (uint32_t i = 0; i < b.n_files; i++) {
            const char *path = b.file[i].path;
            must(path[0] != '/' && !strstr(path, "..") && b.file[i].bytes <= LIMIT_BUNDLE_BYTES);
        }
    json_decref(b.list);
    mem_free(b.file);
    mem_free(b.segment);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p = (const char *)data;
    if (size >= BUNDLE_HEADER)
        try_header(p);
    try_list((struct str){p, size});
    return 0;
}
