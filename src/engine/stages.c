/* SPDX-License-Identifier: Apache-2.0 */
/* engine/stages: see stages.h. */
#include "engine/stages.h"

#include "base/os.h"

void stages_start(struct stages *s)
{
    s->now = STAGE_OUTSIDE;
    s->since = os_now_ns();
}

void stages_enter(struct stages *s, enum stage next)
{
    uint64_t now = os_now_ns();
    s->of[s->now].ns += now - s->since;
    s->since = now;
    s->now = next;
}

void stages_stop(struct stages *s)
{
    stages_enter(s, STAGE_OUTSIDE);
}
