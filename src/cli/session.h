/* SPDX-License-Identifier: Apache-2.0 */
/* cli/session: an open model at the command line, and one answer from it. */
#ifndef MOAT_CLI_SESSION_H
#define MOAT_CLI_SESSION_H

#include "cli/answer.h"
#include "run/generate.h"

struct session {
    const char *model; /* as the user named it */
    struct generator *generator;
    struct settings settings;
    struct grammar *grammar; /* the settings' */
    json_t *tools;           /* that a model may call; NULL: none */
    json_t *opening;         /* messages that conversations begin with; NULL: none */
    const char *tool_choice; /* NULL: auto */
    bool said_unbound;       /* what of the tools cannot be bound has been said */
    struct memplan plan;
    struct gguf_approval approval; /* policy 0: none is installed */
    const char *state;             /* file to go on from and to leave the state in, or NULL */
    double load_s;
    bool raw;     /* no chat template: none in the model, or --raw */
    bool json;    /* nothing is shown while the answer is made */
    bool verbose; /* a speed line on stderr after each answer */
};

/* Shows the answer as it comes; `a` then holds it and is the caller's to clear, also on failure. */
bool session_answer(const struct session *s, struct str prompt, struct answer *a,
                    struct generation *r, struct err *e) MUST_USE;

double session_prompt_tps(const struct generation *r);
double session_decode_tps(const struct generation *r);

/* On stderr: a note when the answer was cut, and the speed line of --verbose. */
void session_note(const struct session *s, const struct generation *r);

#endif
