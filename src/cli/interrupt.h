/* SPDX-License-Identifier: Apache-2.0 */
/* cli/interrupt: Ctrl-C stops the answer, not the program.
 *
 * While an answer is made (between begin and end), SIGINT sets a flag that generate() watches; so
 * do SIGTERM and SIGHUP, which then end the program as well. A third Ctrl-C leaves at once. With
 * `hush`, keys typed meanwhile are not echoed into the answer: they wait for the next prompt. */
#ifndef MOAT_CLI_INTERRUPT_H
#define MOAT_CLI_INTERRUPT_H

#include <stdatomic.h>
#include <stdbool.h>

void interrupt_begin(bool hush);
void interrupt_end(void);
const atomic_bool *interrupt_flag(void);
bool interrupt_ending(void); /* SIGTERM or SIGHUP came: leave */

/* For cli/line_edit: the same handlers without the flag's meaning. */
bool interrupt_take(void); /* true once for each Ctrl-C */
bool interrupt_resized(void);
void interrupt_watch(bool on); /* installs the handlers, signals blocked but inside ppoll */

#endif
