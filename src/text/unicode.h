/* SPDX-License-Identifier: Apache-2.0 */
/* text/unicode: the questions tokenizers ask about a character. */
#ifndef MOAT_TEXT_UNICODE_H
#define MOAT_TEXT_UNICODE_H

#include <stdbool.h>
#include <stdint.h>

bool unicode_is_space(uint32_t c);   /* White_Space */
bool unicode_is_number(uint32_t c);  /* general category N */
bool unicode_is_mark(uint32_t c);    /* M */
bool unicode_is_punct(uint32_t c);   /* P */
bool unicode_is_control(uint32_t c); /* C, but not unassigned */
uint32_t unicode_lower(uint32_t c);
uint32_t unicode_base(uint32_t c); /* the first character of its canonical decomposition */

#endif
