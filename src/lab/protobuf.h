/* SPDX-License-Identifier: Apache-2.0 */
/* lab/protobuf: reads the fields of a protocol buffer message out of untrusted bytes.
 *
 * A message is a run of fields, each a number, a kind and a value. Nothing outside the message is
 * touched and every step moves on, so a walk ends. Groups (kinds 3 and 4, long obsolete) are
 * refused. Source: the protocol buffers encoding guide. */
#ifndef MOAT_LAB_PROTOBUF_H
#define MOAT_LAB_PROTOBUF_H

#include "base/err.h"
#include "base/str.h"

struct protobuf_field {
    uint64_t number;
    uint64_t value;   /* of a varint; of a fixed field its bits */
    struct str bytes; /* of a string, bytes or message; else empty */
};

/* The next field of *message, which is moved past it. False at the end, where e stays ERR_NONE, and
 * for damaged bytes: ERR_CORRUPT. */
bool protobuf_next(struct str *message, struct protobuf_field *f, struct err *e) MUST_USE;
float protobuf_float(const struct protobuf_field *f); /* of a fixed 32-bit field */

#endif
