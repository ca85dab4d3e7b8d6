/* SPDX-License-Identifier: Apache-2.0 */
/* serve/engine_role: see engine_role.h. */
#include "serve/engine_role.h"

#include "serve/log.h"

int engine_role(const struct served *model, const struct config *config, int line)
{
    struct err e;
    (void)config, (void)line;
    fail(&e, ERR_UNSUPPORTED, "this build has no engine behind moat serve yet");
    log_event("engine-failed", "%s: %s", model->id, e.msg);
    return err_exit_status(e.code);
}
