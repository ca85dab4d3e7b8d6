/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/auth: a token from a file of its user's, for one origin and no other. */
#ifndef MOAT_FETCH_AUTH_H
#define MOAT_FETCH_AUTH_H

#include "fetch/line.h"
#include "fetch/url.h"

/* Adds the one word in the file to the job; it is sent to the origin of the address. */
bool fetch_auth_read(struct fetch_job *job, const struct url *u, const char *file,
                     struct err *e) MUST_USE;

#endif
