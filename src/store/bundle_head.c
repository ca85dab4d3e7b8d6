/* SPDX-License-Identifier: Apache-2.0 */
/* store/bundle_head: the header of a bundle. See bundle_head.h. */
#include "store/bundle_head.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"

#define MAGIC "moat bundle 1\n"

void bundle_header_print(const struct bundle_layout *l, char out[BUNDLE_HEADER])
{
    memset(out, ' ', BUNDLE_HEADER);
    int n = snprintf(out, BUNDLE_HEADER,
                     MAGIC "list %llu\nsignature %llu\nhead %llu\nprogram %llu\npayload %llu\n"
                           "sha256 %s\n\n"
                           "Where moat is not there yet, a shell begins (cat of all parts in "
                           "order, or of the one file):\n"
                           "  cat FILE* | tail -c +%llu | head -c %llu | tar x -C FOLDER\n"
                           "  FOLDER/moat/bin/moat bundle install FILE --key KEY\n"
                           "Compare the SHA-256 of the file with the one its maker gave you "
                           "before you do.\n",
                     (unsigned long long)l->list_bytes, (unsigned long long)l->signature_bytes,
                     (unsigned long long)l->head_bytes, (unsigned long long)l->program_bytes,
                     (unsigned long long)l->payload_bytes, l->checksum.hex,
                     (unsigned long long)l->head_bytes + 1, (unsigned long long)l->program_bytes);
    must(n > 0 && n < (int)BUNDLE_HEADER);
    out[n] = ' ';
    out[BUNDLE_HEADER - 1] = '\n';
}

/* "word NUMBER\n" */
static bool take_number(struct str *rest, const char *word, uint64_t *out)
{
    struct str line, name;
    return str_cut(rest, '\n', &line) && str_cut(&line, ' ', &name) && str_is(name, word) &&
           str_to_u64(line, out);
}

static bool in_bounds(const struct bundle_layout *l)
{
    return l->list_bytes <= LIMIT_BUNDLE_LIST && l->signature_bytes <= SIGN_FILE &&
           l->head_bytes <= LIMIT_BUNDLE_HEAD && l->head_bytes % BUNDLE_ALIGN == 0 &&
           l->head_bytes >= BUNDLE_HEADER + l->list_bytes + l->signature_bytes &&
           l->program_bytes <= LIMIT_BUNDLE_BYTES && l->payload_bytes <= LIMIT_BUNDLE_BYTES;
}

bool bundle_header_parse(struct bundle_layout *l, const char *header, const char *where,
                         struct err *e)
{
    char again[BUNDLE_HEADER];
    struct str rest = {header, BUNDLE_HEADER}, line, word;
    *l = (struct bundle_layout){0};
    if (!str_starts(rest, STR("moat bundle ")))
        return fail(e, ERR_UNSUPPORTED, "%s is not a bundle of moat", where);
    if (!str_starts(rest, STR(MAGIC)))
        return fail(e, ERR_UNSUPPORTED,
                    "%s is a bundle of a format that this moat does not know; take a newer moat",
                    where);
    rest = str_from(rest, sizeof MAGIC - 1);
    bool ok = take_number(&rest, "list", &l->list_bytes) &&
              take_number(&rest, "signature", &l->signature_bytes) &&
              take_number(&rest, "head", &l->head_bytes) &&
              take_number(&rest, "program", &l->program_bytes) &&
              take_number(&rest, "payload", &l->payload_bytes) && str_cut(&rest, '\n', &line) &&
              str_cut(&line, ' ', &word) && digest_parse(&l->checksum, line, NULL) && in_bounds(l);
    if (ok)
        bundle_header_print(l, again);
    return (ok && memcmp(again, header, BUNDLE_HEADER) == 0) ||
           fail(e, ERR_CORRUPT, "%s is damaged in its first %u bytes; copy it again", where,
                BUNDLE_HEADER);
}
