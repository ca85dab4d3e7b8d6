/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_methods: the methods of str (template_strings.c), ended by a row without a name. */
#ifndef MOAT_TEXT_TEMPLATE_METHODS_H
#define MOAT_TEXT_TEMPLATE_METHODS_H

#include "text/template_run.h"

extern const struct builtin str_methods[];

#endif
