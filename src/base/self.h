/* SPDX-License-Identifier: Apache-2.0 */
/* base/self: this program as files: itself, its shared libraries, the loader that joined them.
 *
 * Where a system has not the libraries, the loader is started by its path with a folder of them
 * (moat bundle): then /proc/self/exe is the loader, and starting this program anew takes the same
 * arguments before its own. */
#ifndef MOAT_BASE_SELF_H
#define MOAT_BASE_SELF_H

#include <limits.h>

#include "base/err.h"

struct self {
    char program[PATH_MAX]; /* its file */
    bool by_loader;         /* started through the loader's path */
};

bool self_find(struct self *s, struct err *e) MUST_USE;

/* The files of the shared libraries and of the loader, each once. */
typedef bool self_library_fn(void *arg, const char *path, struct err *e);
bool self_each_library(self_library_fn *fn, void *arg, struct err *e) MUST_USE;

#endif
