/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/reach: see reach.h. */
#include "fetch/reach.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static bool inner_v4(uint32_t a)
{
    static const struct {
        uint32_t net;
        unsigned bits;
    } nets[] = {
        {0x00000000, 8},  /* 0.0.0.0/8 */
        {0x0a000000, 8},  /* 10.0.0.0/8 */
        {0x64400000, 10}, /* 100.64.0.0/10 */
        {0x7f000000, 8},  /* 127.0.0.0/8 */
        {0xa9fe0000, 16}, /* 169.254.0.0/16 */
        {0xac100000, 12}, /* 172.16.0.0/12 */
        {0xc0a80000, 16}, /* 192.168.0.0/16 */
    };
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++)
        if ((a ^ nets[i].net) >> (32 - nets[i].bits) == 0)
            return true;
    return false;
}

static bool inner_v6(const uint8_t *a)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const uint8_t loopback[16] = {[15] = 1}, none[16] = {0};
    if (memcmp(a, mapped, sizeof mapped) == 0)
        return inner_v4((uint32_t)a[12] << 24 | (uint32_t)a[13] << 16 | (uint32_t)a[14] << 8 |
                        a[15]);
    return memcmp(a, loopback, 16) == 0 || memcmp(a, none, 16) == 0 || (a[0] & 0xfe) == 0xfc ||
           (a[0] == 0xfe && (a[1] & 0xc0) == 0x80);
}

bool reach_is_inner(const struct sockaddr *a, socklen_t n)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (a->sa_family == AF_INET && n >= sizeof v4) {
        memcpy(&v4, a, sizeof v4);
        return inner_v4(ntohl(v4.sin_addr.s_addr));
    }
    if (a->sa_family == AF_INET6 && n >= sizeof v6) {
        memcpy(&v6, a, sizeof v6);
        return inner_v6(v6.sin6_addr.s6_addr);
    }
    return true;
}
