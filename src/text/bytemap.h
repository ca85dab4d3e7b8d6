/* SPDX-License-Identifier: Apache-2.0 */
/* text/bytemap: the byte alphabet of byte-level BPE.
 *
 * GPT-2's vocabulary file stores every byte as one printable character: '!'..'~', U+00A1..U+00AC
 * and U+00AE..U+00FF stand for themselves, the other 68 bytes follow in order from U+0100. Source:
 * Radford et al., GPT-2 encoder (2019). */
#ifndef MOAT_TEXT_BYTEMAP_H
#define MOAT_TEXT_BYTEMAP_H

#include "base/str.h"

/* Writes the bytes that text stands for to out (room for text.n) and their count to *n; false when
 * text holds a character outside the alphabet or is not UTF-8. */
bool bytemap_decode(struct str text, char *out, size_t *n);

#endif
