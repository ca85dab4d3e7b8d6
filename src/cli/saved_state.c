/* SPDX-License-Identifier: Apache-2.0 */
/* cli/saved_state: see saved_state.h. */
#include "cli/saved_state.h"

#include <unistd.h>

#include "base/limits.h"

bool saved_state_write(const struct session *s, const struct talk *t, const struct buf *attached,
                       const char *path, struct err *e)
{
    struct buf text;
    if (!t)
        return generator_save(s->generator, path, buf_view(attached), e);
    buf_init(&text, LIMIT_JSON_BYTES);
    bool ok =
        talk_write(t, s->model, &text, e) && generator_save(s->generator, path, buf_view(&text), e);
    buf_clear(&text);
    return ok;
}

bool saved_state_read(const struct session *s, struct talk *t, struct buf *attached,
                      const char *path, struct err *e)
{
    return generator_restore(s->generator, path, attached, e) &&
           (!t || attached->n == 0 || talk_read(t, buf_view(attached), path, e));
}

bool saved_state_exists(const char *path)
{
    return access(path, F_OK) == 0;
}
