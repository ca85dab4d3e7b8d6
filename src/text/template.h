/* SPDX-License-Identifier: Apache-2.0 */
/* text/template: the Jinja subset that chat templates use, as Hugging Face renders them: what
 * Jinja2's sandbox does with trim_blocks, lstrip_blocks, loop controls and generation blocks, plus
 * its own tojson, raise_exception and strftime_now.
 *
 * Templates are hostile input. Parsing is bounded in size, depth and memory, rendering in steps,
 * depth, memory and output (base/limits.h, RENDER_MEMORY); there are no host calls. A step is about
 * 50 ns at most, so no rendering takes long. Errors say the line and the reason; a limit is
 * ERR_LIMIT, a syntax error ERR_CORRUPT or ERR_UNSUPPORTED, a failed rendering ERR_USAGE. Refused
 * by name: extends, block, include, import, autoescape, integers over 64 bits, and the filters and
 * methods that no chat template has a use for. */
#ifndef MOAT_TEXT_TEMPLATE_H
#define MOAT_TEXT_TEMPLATE_H

#include <jansson.h>
#include <time.h>

#include "base/buf.h"

struct template;

/* Copies the source. The result never changes: any number of threads may render it at once. */
struct template *template_parse(struct str source, struct err *e) MUST_USE;
void template_free(struct template *t);

/* Appends the rendering, with the object `context` as variables, to out; nothing where it fails.
 * `now` is what strftime_now formats: all its fields, tm_wday and tm_yday too. */
bool template_render(const struct template *t, const json_t *context, const struct tm *now,
                     struct buf *out, struct err *e) MUST_USE;

#endif
