/* SPDX-License-Identifier: Apache-2.0 */
/* store/admit: a model that is about to run -> an open file, if it may run here.
 *
 * Without a policy (guard/policy, $MOAT_HOME/policy) that is what store/resolve opens. With one it
 * is a file whose hash tree the policy names, read and checked MiB by MiB (base/checked): where the
 * hashes of its leaves are known from an earlier start only as it is used, else all of it first.
 * Models in several parts, and those kept packed only, are refused then.
 *
 * admit_begin reads the policy once, for all files of a start. */
#ifndef MOAT_STORE_ADMIT_H
#define MOAT_STORE_ADMIT_H

#include "guard/policy.h"
#include "store/resolve.h"

struct admission {
    bool enforced; /* there is a policy; else every model may run */
    struct policy policy;
    char dir[STORE_PATH];
    int64_t now; /* the time that counts */
};

/* required: there must be one. False: no model may run here (ERR_DENIED), or the store cannot be
 * looked at; admit_end in any case. */
bool admit_begin(struct admission *a, bool required, struct err *e) MUST_USE;
void admit_end(struct admission *a);

/* ERR_DENIED: the policy does not let it run, and why. */
struct gguf *admit_model(const struct admission *a, const char *model, enum policy_use use,
                         struct err *e) MUST_USE;
/* The same for a file that is open already and stays so; path: for its other parts where nothing is
 * enforced, or "". */
struct gguf *admit_file(const struct admission *a, int fd, const char *path, const char *name,
                        enum policy_use use, struct err *e) MUST_USE;

/* $MOAT_HOME/policy */
bool admit_folder(char out[STORE_PATH], struct err *e) MUST_USE;

#endif
