/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/reach: where an address leads. A source on the internet must not send us into the networks
 * behind our own door by a redirect: what answers there may act on the mere question. */
#ifndef MOAT_FETCH_REACH_H
#define MOAT_FETCH_REACH_H

#include <stdbool.h>
#include <sys/socket.h>

/* This machine, its link, or a private network: RFC 1122, 1918, 3927, 4193, 4291, 6598. What is
 * neither IPv4 nor IPv6 counts as inner. */
bool reach_is_inner(const struct sockaddr *a, socklen_t n);

#endif
