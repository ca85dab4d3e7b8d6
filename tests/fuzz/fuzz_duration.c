/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes serve/duration: whatever is read as a time is for ever or one that a timer can take. */
#include "base/err.h"
#include "serve/duration.h"

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
    int64_t seconds = DURATION_UNSET;
    if (duration_parse((struct str){(const char *)p, n}, &seconds))
        must(seconds == DURATION_EVER || (seconds >= 0 && seconds <= DURATION_MOST));
    return 0;
}
