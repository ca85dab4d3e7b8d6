/* SPDX-License-Identifier: Apache-2.0 */
/* run/settings_private: what the table and the reading of settings share. */
#ifndef MOAT_RUN_SETTINGS_PRIVATE_H
#define MOAT_RUN_SETTINGS_PRIVATE_H

#include "run/settings.h"

struct setting_stage {
    const char *name;
    enum sample_stage stage;
};

extern const struct setting_stage setting_stages[]; /* in the default order */
extern const uint32_t setting_stage_count;
extern char *setting_default_breakers[];

/* `append`: lists add to what the user gave before; otherwise they replace it. */
bool setting_set_value(struct settings *s, const struct setting *def, const json_t *value,
                       bool append, struct err *e) MUST_USE;

#endif
