/* SPDX-License-Identifier: Apache-2.0 */
/* cli/interrupt: Ctrl-C stops the answer, not the program.
 *
 * While an answer is made (between begin and end), SIGINT sets a flag that generate() watches; so
 * do SIGTERM and SIGHUP, which then end the program as well. A third Ctrl-C leaves at once, and
 * puts the terminal back as interrupt_watch found it. */
#ifndef MOAT_CLI_INTERRUPT_H
#define MOAT_CLI_INTERRUPT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

void interrupt_begin(void);
void interrupt_end(void);
const atomic_bool *interrupt_flag(void);
/* For work that tells how far it is: draws the struct progress that arg is; false: it is to stop.
 */
bool interrupt_progress(void *arg, uint64_t done, uint64_t total);
bool interrupt_ending(void); /* SIGTERM or SIGHUP came: leave */

/* For cli/line_edit, which keeps the handlers for as long as it edits. */
void interrupt_watch(bool on);
bool interrupt_take(void); /* true once after Ctrl-C */
bool interrupt_resized(void);
bool interrupt_resumed(void); /* after Ctrl-Z and fg: the line is to be drawn on a fresh row */

#endif
