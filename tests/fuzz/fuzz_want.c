/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes serve/want and serve/range: what a path asks for keeps the promises of want.h and comes
 * back from the line to the keeper unchanged; a range lies within the file. The first byte is the
 * size of the file; the path ends at the first newline, the headers follow. */
#include <string.h>

#include "serve/range.h"
#include "serve/want.h"

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

static void check_text(const char *text)
{
    struct str part, rest = str_of(text);
    if (!*text)
        return;
    must(str_utf8_valid(rest) && text[rest.n - 1] != '/');
    while (str_cut(&rest, '/', &part))
        must(part.n && !str_is(part, ".") && !str_is(part, ".."));
}

static bool same(const struct want *a, const struct want *b)
{
    return a->kind == b->kind && a->leaves == b->leaves && a->head == b->head &&
           strcmp(a->repository, b->repository) == 0 && strcmp(a->revision, b->revision) == 0 &&
           strcmp(a->file, b->file) == 0 && a->by_digest == b->by_digest &&
           (!a->by_digest || strcmp(a->digest.hex, b->digest.hex) == 0);
}

static void check_range(uint64_t size, struct str range, struct str tag)
{
    struct range_asked asked = {range, tag, tag};
    struct range r = range_of(&asked, size, STR("tag"));
    must(r.kind != RANGE_PART || (r.n > 0 && r.first < size && r.n <= size - r.first));
    must(r.kind != RANGE_WHOLE || (r.first == 0 && r.n == size));
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
    struct str rest = {(const char *)p + 1, n ? n - 1 : 0}, path = {0}, range = {0}, tag = {0};
    struct want again;
    if (n < 2 || !str_cut(&rest, '\n', &path))
        return 0;
    if (str_cut(&rest, '\n', &range) && !str_cut(&rest, '\n', &tag))
        tag = STR("");
    check_range(p[0], range, tag);
    struct want w = want_of_path(path);
    check_text(w.repository);
    check_text(w.revision);
    check_text(w.file);
    json_t *j = want_to_json(&w);
    must(j && want_from_json(&again, j) == (w.kind != WANT_NOTHING));
    must(w.kind == WANT_NOTHING || same(&w, &again));
    json_decref(j);
    return 0;
}
