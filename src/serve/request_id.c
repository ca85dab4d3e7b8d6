/* SPDX-License-Identifier: Apache-2.0 */
/* serve/request_id: see request_id.h. */
#include "serve/request_id.h"

#include <stdio.h>

#include "base/os.h"

void request_id_next(char id[REQUEST_ID_BYTES])
{
    static uint64_t count;
    uint64_t r = 0;
    struct err e;
    if (!os_random(&r, sizeof r, &e))
        r = os_now_ns();
    snprintf(id, REQUEST_ID_BYTES, "req_%016llx%08x", (unsigned long long)r, (unsigned)++count);
}
