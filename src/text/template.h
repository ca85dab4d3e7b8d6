/* SPDX-License-Identifier: Apache-2.0 */
/* text/template: the Jinja subset that chat templates use, as Hugging Face renders them
 * (trim_blocks, lstrip_blocks, keep_trailing_newline off, loop controls, generation blocks).
 *
 * Templates are hostile input: parsing is bounded in size and depth, rendering in steps, depth and
 * output (base/limits.h); there are no host calls. Errors say the line and the reason. */
#ifndef MOAT_TEXT_TEMPLATE_H
#define MOAT_TEXT_TEMPLATE_H

#include <jansson.h>
#include <time.h>

#include "base/buf.h"

struct template;

struct template *template_parse(struct str source, struct err *e) MUST_USE;
void template_free(struct template *t);

/* Renders with the object `context` as variables. `now` is what strftime_now formats. */
bool template_render(const struct template *t, const json_t *context, const struct tm *now,
                     struct buf *out, struct err *e) MUST_USE;

#endif
