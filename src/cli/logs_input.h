/* SPDX-License-Identifier: Apache-2.0 */
/* cli/logs_input: the bytes of a log file: mapped, or read where they cannot be, and
 * unpacked (work/logs_unpack).
 *
 * A log that is cut short while it is mapped (rotated by copying, say) takes its pages away: then
 * the program ends with a sentence and the status of ERR_IO. */
#ifndef MOAT_CLI_LOGS_INPUT_H
#define MOAT_CLI_LOGS_INPUT_H

#include "base/buf.h"
#include "base/os.h"

struct logs_input {
    struct os_map map;
    struct buf read;
    struct str text;
};

bool logs_input_open(struct logs_input *in, const char *path, struct err *e) MUST_USE;
void logs_input_close(struct logs_input *in);

#endif
