/* SPDX-License-Identifier: Apache-2.0 */
/* store/catalog_built_in: share/catalog.json as part of the program, so that moat pull NAME works
 * from the first start and without an installed file. It is as trusted as the program itself and
 * therefore not signed. The assembler takes the file as it is; the Makefile knows the dependency.
 */
#include "store/catalog.h"

__asm__(".pushsection .rodata\n"
        ".global moat_catalog_text, moat_catalog_end\n"
        "moat_catalog_text: .incbin \"share/catalog.json\"\n"
        "moat_catalog_end: .byte 0\n"
        ".popsection\n");

extern const char moat_catalog_text[], moat_catalog_end[];

bool catalog_parse_built_in(struct catalog *c, struct err *e)
{
    struct str text = {moat_catalog_text, (size_t)(moat_catalog_end - moat_catalog_text)};
    return catalog_parse(c, text, "share/catalog.json", e);
}
