/* SPDX-License-Identifier: Apache-2.0 */
/* serve/control: the line between supervisor and front: short messages, some with a descriptor.
 *
 * To the front: an engine's line (the descriptor, and which model), the keeper's or the auditor's,
 * a new configuration with keys and certificate (as JSON text), a model that is new, another or
 * gone (serve/served), the order to drain. To the supervisor, by the model: its engine is wanted,
 * is not wanted any more (it ends by itself, or has), or does not keep to the protocol. The end of
 * the line is the end of either. */
#ifndef MOAT_SERVE_CONTROL_H
#define MOAT_SERVE_CONTROL_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define CONTROL_MOST (8u << 20) /* bytes of a message */

enum control_kind {
    CONTROL_ENGINE = 1,
    CONTROL_CONFIG,
    CONTROL_DRAIN,
    CONTROL_KILL_ENGINE,
    CONTROL_KEEPER,
    CONTROL_LOAD,
    CONTROL_UNLOAD,
    CONTROL_AUDITOR,
    CONTROL_MODEL
};

struct control {
    uint32_t kind;
    uint32_t model; /* CONTROL_ENGINE, _KILL_ENGINE, _LOAD, _UNLOAD, _MODEL: which */
    uint32_t bytes; /* that follow: CONTROL_CONFIG, _MODEL */
    uint32_t pid;   /* of a line: its process, for the log */
};

/* Blocking; fd -1: none. */
bool control_send(int line, const struct control *m, struct str payload, int fd,
                  struct err *e) MUST_USE;

#endif
