/* SPDX-License-Identifier: Apache-2.0 */
/* cli/isolate: the sandbox of a command that works on a model in this one process, that of a
 * command that writes the store, and that of the fetch role. What the system refuses is not said
 * here: moat attest does. */
#ifndef MOAT_CLI_ISOLATE_H
#define MOAT_CLI_ISOLATE_H

#include "base/err.h"

struct fetch_job;

/* Before the model is opened: no network, no other program, and of files it writes `out` (a path,
 * or NULL) and, with `packs`, packed weights. */
bool isolate_command(bool packs, const char *out, struct err *e) MUST_USE;
/* The same with several files that it writes; NULL and "-" are none. */
bool isolate_writer(bool packs, const char *const *out, unsigned n, struct err *e) MUST_USE;
/* A conversation, which writes where its user says: the same, but for the files. */
bool isolate_conversation(struct err *e) MUST_USE;
/* Once the model is loaded: no page becomes executable any more. */
bool isolate_loaded(struct err *e) MUST_USE;

/* A command that brings models into the store: writes that and nothing else. With `fetches` the
 * fetch role is started for it by a process that was forked before (there is none in a build
 * without it). */
bool isolate_import(bool fetches, struct err *e) MUST_USE;

/* Work on what comes from outside for a command that needs more itself: fn runs in a process of its
 * own, isolated as isolate_import, or else as isolate_command is. The n bytes at `result` are then
 * what it left there: no pointer in them may be to what it made. */
typedef bool isolate_fn(void *arg, struct err *e);
bool isolate_apart(bool imports, isolate_fn *fn, void *arg, void *result, size_t n,
                   struct err *e) MUST_USE;

/* For fetch_role_main: may dial, reads what names and certificates need, writes nothing. For a Unix
 * socket it may open no other kind, and stays who it is. */
bool isolate_fetch(const struct fetch_job *q, struct err *e) MUST_USE;

#endif
