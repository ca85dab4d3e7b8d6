/* SPDX-License-Identifier: Apache-2.0 */
/* tests/run/real_model: the real models that tests may use, where they have been fetched. */
#ifndef MOAT_TESTS_RUN_REAL_MODEL_H
#define MOAT_TESTS_RUN_REAL_MODEL_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "test.h"

/* The test is skipped where the model is not. */
static const char *real_model(const char *name, char path[1024])
{
    const char *folder = getenv("MOAT_TEST_MODELS"), *cache = getenv("XDG_CACHE_HOME");
    if (folder)
        snprintf(path, 1024, "%s/%s.gguf", folder, name);
    else if (cache)
        snprintf(path, 1024, "%s/moat/test-models/%s.gguf", cache, name);
    else
        snprintf(path, 1024, "%s/.cache/moat/test-models/%s.gguf", getenv("HOME"), name);
    if (access(path, R_OK) != 0) {
        print_message("# SKIP %s is not here: scripts/fetch-model --tests\n", path);
        skip();
    }
    return path;
}

#endif
