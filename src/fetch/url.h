/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/url: addresses of http and https.
 *
 * What may be shown or kept of an address is `shown`: without user, password, query (which may
 * hold a signature) and fragment. Credentials belong to an origin: scheme, host and port. */
#ifndef MOAT_FETCH_URL_H
#define MOAT_FETCH_URL_H

#include "base/err.h"
#include "base/limits.h"

struct url {
    char origin[LIMIT_URL_BYTES]; /* "https://host:443" */
    char shown[LIMIT_URL_BYTES];
    char file[256]; /* the last part of the path, decoded; "" where it is empty or too long */
    bool tls, has_user;
};

bool url_is(const char *text); /* does it begin with http:// or https://? */
/* ERR_USAGE for what is no such address. */
bool url_parse(struct url *u, const char *text, struct err *e) MUST_USE;

#endif
