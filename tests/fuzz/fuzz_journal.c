/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the record of an unfinished pull, and the head of an HTTP answer: the same bytes as both.
 * Check sums are mended first, so that what is behind them is reached. */
#include <string.h>

#include "base/mem.h"
#include "fetch/answer.h"
#include "fetch/journal.h"

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

static void mend(char *p, size_t n)
{
    struct hash sum;
    for (size_t at = 0; n - at >= 12;) {
        size_t length = (unsigned char)p[at + 2] | (size_t)(unsigned char)p[at + 3] << 8;
        if (length > n - at - 12)
            return;
        must(hash_of(&(struct str){p + at, 4 + length}, 1, &sum, NULL));
        memcpy(p + at + 4 + length, sum.b, 8);
        at += 12 + length;
    }
}

static void read_journal(struct str bytes)
{
    struct journal_state s;
    struct err e = {0};
    if (!journal_parse(bytes, "boot", &s, &e)) {
        must(e.code == ERR_LIMIT);
        return;
    }
    uint64_t done = 0;
    for (uint64_t i = 0; i < s.pieces.n; i++)
        done += s.pieces.state[i] == PIECE_DONE;
    must(s.n <= bytes.n && done == s.pieces.n_done && s.n_source <= LIMIT_PULL_SOURCES);
    must(pieces_done_bytes(&s.pieces) <= s.pieces.size);
    journal_clear(&s);
}

static void read_answer(struct str text)
{
    struct answer a = {0};
    struct str line;
    while (str_cut(&text, '\n', &line))
        answer_line(&a, line, 1000);
    must(!a.has_range || (a.from <= a.to && a.to < a.total));
    must(strlen(answer_validator(&a)) < ANSWER_TEXT);
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
    char *copy = mem_new(n + 1, 1, NULL);
    must(copy);
    memcpy(copy, p, n);
    read_answer((struct str){copy, n});
    read_journal((struct str){copy, n});
    mend(copy, n);
    read_journal((struct str){copy, n});
    mem_free(copy);
    return 0;
}
