/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a segment of an audit log, whole and as the last one: read or refused, within bounds
 * of memory and time. The first byte says where in the rest the reading is taken up again. And as
 * the line of a witness: what is one is the same when it is written and read again. */
#include <string.h>

#include "guard/audit.h"
#include "guard/audit_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void read_line(struct str text)
{
    struct audit_witnessed one, two;
    char line[AUDIT_LINE_BYTES];
    if (!audit_line_parse(text, &one))
        return;
    struct audit_checkpoint p = {
        .leaves = one.leaves, .records = one.records, .root = one.root, .time = one.time};
    audit_line(&p, &one.log, line);
    must(audit_line_parse(str_of(line), &two) && memcmp(&one, &two, sizeof one) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct audit_scan s = {0};
    struct err e;
    if (n < 2)
        return 0;
    struct str file = {(const char *)data + 1, n - 1};
    read_line(file);
    audit_scan_begin(&s, NULL);
    if (audit_scan_feed(&s, str_sub(file, 0, file.n * data[0] / 256), false, &e))
        (void)!audit_scan_feed(&s, file, data[0] & 1, &e);
    audit_scan_clear(&s);
    return 0;
}
