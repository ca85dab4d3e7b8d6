/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/send: one request that sends something: HEAD, POST or PUT.
 *
 * What is sent is the text of the job or, with `upload`, all of an open file. Redirects are not
 * followed: where a registry wants the bytes is its answer's Location, which the caller judges. A
 * connection on which nothing moves for stall_s is given up. With `inner` a connection is made only
 * to an address of this machine or of a private network (fetch/reach), and through no proxy: that
 * is judged of the address itself, after all names. */
#ifndef MOAT_FETCH_SEND_H
#define MOAT_FETCH_SEND_H

#include "fetch/fetch.h"

/* Of an upload PROGRESS events tell how far it is. An answer of any status is a success. */
bool fetch_send(const struct fetch_job *q, int fd, fetch_event_fn *fn, void *arg, size_t most,
                struct document *d, struct err *e) MUST_USE;

#endif
