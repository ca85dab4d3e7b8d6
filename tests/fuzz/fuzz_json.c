/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes base/json against jansson's own reader: both take the same documents and read the same
 * values from them, but for our limits; what is refused is said, and what was read is written so
 * that it reads the same again. */
#include <string.h>

#include "base/json.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

enum { LONG_NUMBER = 1000 };

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
    struct str text = {(const char *)p, n};
    struct err e = {0}, ignored;
    struct buf out;
    json_t *ours = json_parse(text, "fuzz", &e);
    json_t *theirs = json_loadb(text.p, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    json_t *loose = json_parse_loose(text, "fuzz", &ignored);
    bool ends_early = n && memchr(p, 0, n); /* for jansson a NUL behind a document is its end */
    must(ours ? theirs && json_equal(ours, theirs)
              : e.msg[0] && (!theirs || e.code == ERR_LIMIT || n > LONG_NUMBER || ends_early));
    must(!ours || (loose && json_equal(ours, loose)));
    buf_init(&out, LIMIT_JSON_BYTES);
    if (ours) {
        must(json_write(ours, JSON_COMPACT, &out, &e));
        json_t *again = json_parse(buf_view(&out), "again", &e);
        must(again && json_is_real(ours) == json_is_real(again));
        json_decref(again);
    }
    buf_clear(&out);
    json_decref(ours);
    json_decref(theirs);
    json_decref(loose);
    return 0;
}
