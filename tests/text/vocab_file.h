/* SPDX-License-Identifier: Apache-2.0 */
/* tests/text/vocab_file: the tiny vocabularies of tests/data/vocab, and random texts. */
#ifndef MOAT_TESTS_TEXT_VOCAB_FILE_H
#define MOAT_TESTS_TEXT_VOCAB_FILE_H

#include <stdio.h>
#include <stdlib.h>

#include "base/os.h"
#include "test.h"
#include "text/tokenize.h"

struct vocab_file {
    struct gguf *g;
    struct vocab *v;
};

static inline struct vocab_file vocab_file_open(const char *name)
{
    struct vocab_file f = {0};
    struct err e = {0};
    char path[256];
    snprintf(path, sizeof path, "tests/data/vocab/%s.gguf", name);
    f.g = gguf_open(path, &e);
    f.v = f.g ? vocab_new(f.g, &e) : NULL;
    if (!f.v)
        fail_msg("%s: %s", path, e.msg);
    return f;
}

static inline void vocab_file_close(struct vocab_file *f)
{
    vocab_free(f->v);
    gguf_close(f->g);
}

static inline uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

/* n characters of all lengths, many of them blanks, letters and digits. */
static inline void random_text(struct buf *b, uint64_t *state, size_t n)
{
    static const char *const common = "  \n\tabcdeethtnTHE0123'.,<|>_";
    for (size_t i = 0; i < n; i++) {
        uint32_t r = next_random(state), c = r >> 8;
        if (r % 8 < 6)
            buf_byte(b, common[c % strlen(common)]);
        else if (r % 8 == 6)
            buf_utf8(b, 0x80 + c % 0x3000);
        else
            buf_utf8(b, c % 2 ? 0x4e00 + c % 0x5200 : 0x1f300 + c % 0x300);
    }
}

/* How much longer things may take here. */
static inline double patience(void)
{
    return getenv("MOAT_SANITIZED") ? 30 : 1;
}

static inline double seconds_since(uint64_t start_ns)
{
    return (double)(os_now_ns() - start_ns) / 1e9 / patience();
}

#endif
