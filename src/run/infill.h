/* SPDX-License-Identifier: Apache-2.0 */
/* run/infill: the prompt that fills a hole in a text, for models trained on such
 * (Bavarian et al. 2022: what stands in front, what behind, then what is between). */
#ifndef MOAT_RUN_INFILL_H
#define MOAT_RUN_INFILL_H

#include <jansson.h>

#include "text/tokenize.h"

struct infill {
    struct str before, behind;
    const json_t *files;   /* array of {"name", "text"} of other files, or NULL */
    struct str name;       /* of the file with the hole, if there are others; may be "" */
    struct str repository; /* of all of them; may be "" */
};

bool infill_can(const struct vocab *v); /* it has the three tokens for that */
/* Appends the ids. Markers in what is given are text. */
bool infill_prompt(const struct vocab *v, const struct infill *in, struct tokens *out,
                   struct err *e) MUST_USE;

#endif
