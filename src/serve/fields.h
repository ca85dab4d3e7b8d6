/* SPDX-License-Identifier: Apache-2.0 */
/* serve/fields: typed fields of a request's JSON, with errors that name the field.
 *
 * An absent field, or null, leaves *out as it was. False: *p says what is wrong. */
#ifndef MOAT_SERVE_FIELDS_H
#define MOAT_SERVE_FIELDS_H

#include <jansson.h>

#include "base/str.h"
#include "run/settings.h"
#include "serve/problem.h"

bool field_text(const json_t *o, const char *name, struct str *out, struct problem *p) MUST_USE;
bool field_bool(const json_t *o, const char *name, bool *out, struct problem *p) MUST_USE;
bool field_u32(const json_t *o, const char *name, uint32_t min, uint32_t max, uint32_t *out,
               struct problem *p) MUST_USE;
bool field_array(const json_t *o, const char *name, const json_t **out, struct problem *p) MUST_USE;
bool field_object(const json_t *o, const char *name, const json_t **out,
                  struct problem *p) MUST_USE;
/* The value of a field, NULL where it is absent or null. */
const json_t *field_any(const json_t *o, const char *name);
/* A field that is a setting of run/settings, perhaps under another key there. */
bool field_setting(const json_t *o, const char *name, const char *key, struct settings *s,
                   struct problem *p) MUST_USE;
/* A field that must be there: fails where field_any is NULL. */
bool field_needed(const json_t *o, const char *name, struct problem *p) MUST_USE;

#endif
