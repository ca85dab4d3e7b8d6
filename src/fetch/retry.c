/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/retry: see retry.h. */
#include "fetch/retry.h"

#include "base/limits.h"

#define SECOND 1000000000ull

bool retry_status(int status)
{
    switch (status) {
    case 408: /* request timeout */
    case 425: /* too early */
    case 429: /* too many requests */
        return true;
    default:
        return status >= 500 && status != 501 && status != 505;
    }
}

enum err_code retry_status_code(int status)
{
    switch (status) {
    case 401:
    case 407:
        return ERR_UNAUTHORISED;
    case 403:
    case 451:
        return ERR_DENIED;
    case 404:
    case 410:
        return ERR_NOT_FOUND;
    default:
        return ERR_NETWORK;
    }
}

uint64_t retry_pause_ns(uint32_t failures, uint64_t asked_s, uint32_t random)
{
    uint64_t pause = SECOND / 2;
    for (uint32_t i = 1; i < failures && pause < 60 * SECOND; i++)
        pause *= 2;
    if (pause > 60 * SECOND)
        pause = 60 * SECOND;
    pause = pause / 2 + (uint64_t)random * (pause / 2) / UINT32_MAX;
    if (asked_s > LIMIT_RETRY_S)
        asked_s = LIMIT_RETRY_S;
    return pause > asked_s * SECOND ? pause : asked_s * SECOND;
}
