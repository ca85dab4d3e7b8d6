/* SPDX-License-Identifier: Apache-2.0 */
/* base/child: a role of this program as a process of its own, joined to the caller by two pipes.
 *
 * The child is the same binary, started anew (nothing of the caller's memory is in it). It reads
 * what the caller writes to `to` on descriptor 0 and its descriptor 1 is the other end of `from`;
 * the descriptors handed over are 3 and up, and it gets no others. The end of descriptor 0 means
 * that the caller is gone.
 *
 * Where a process may not start programs itself, another one does that for it and for those it
 * forks (child_starter); such a child is not waited for, and ends when its descriptor 0 does. */
#ifndef MOAT_BASE_CHILD_H
#define MOAT_BASE_CHILD_H

#include "base/err.h"

enum { CHILD_FDS = 3 }; /* the first descriptor handed over, and how many may be */
enum { CHILD_ELSEWHERE = -1 };

struct child {
    int pid; /* 0: none; CHILD_ELSEWHERE: its starter's */
    int to, from;
};

/* argv[0] is a name; argv[1..] come to main() of the same program. */
bool child_start(struct child *c, const char *const argv[], const int *fds, size_t n,
                 struct err *e) MUST_USE;
/* Closes the pipes, ends the child where it still runs, and waits for it. Takes a zeroed struct. */
void child_end(struct child *c);

/* The starter: starts this program as `moat WORD`, for whoever has the other end of the line (a
 * socket pair of SOCK_SEQPACKET), until nobody has it. Refuses any other word. */
void child_starter(int line, const char *word);
/* From now on this process and those it forks start children through that line. It stays open. */
void child_start_through(int line);
/* Gives it up: this process starts nothing any more, by itself or by others. */
void child_start_nothing(void);

#endif
