/* SPDX-License-Identifier: Apache-2.0 */
/* serve/file_send: an open file, or a range of it, as the body of an answer.
 *
 * Pieces of FILE_PIECE bytes are read by libuv's threads, so a slow disk delays its own readers
 * only; the next one is read when less than CONN_HIGH bytes wait for the client, so no client costs
 * more memory than that and two pieces, however slowly it reads. One that reads too slowly is shed
 * by serve/conn. serve/pace bounds all of them together. */
#ifndef MOAT_SERVE_FILE_SEND_H
#define MOAT_SERVE_FILE_SEND_H

#include "serve/exchange.h"

#define FILE_PIECE (128u << 10)

struct file_body {
    int fd; /* -1: for HEAD, where it is not here */
    uint64_t size;
    const char *type, *tag; /* tag: of ETag, without its quotes */
    const char *lines;      /* further headers, each with its CRLF, or "" */
};

/* The answer to a GET or HEAD: 200, 206, 304 or 416. Takes the descriptor, ends the exchange. */
void file_send(struct exchange *x, const struct file_body *f);

#endif
