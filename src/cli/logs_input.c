/* SPDX-License-Identifier: Apache-2.0 */
/* cli/logs_input: see logs_input.h. */
#include "cli/logs_input.h"

#include <string.h>

#include "base/limits.h"
#include "work/logs_unpack.h"

static bool unpack(struct logs_input *in, const char *path, struct err *e)
{
    struct buf out;
    buf_init(&out, LIMIT_LOGS_PIPE);
    bool ok = logs_unpack(in->text, path, &out, e);
    logs_input_close(in);
    in->read = out;
    in->text = buf_view(&in->read);
    if (!ok)
        logs_input_close(in);
    return ok;
}

bool logs_input_open(struct logs_input *in, const char *path, struct err *e)
{
    *in = (struct logs_input){.map.fd = -1};
    buf_init(&in->read, LIMIT_LOGS_PIPE);
    if (strcmp(path, "-") == 0) {
        if (!buf_read_file(&in->read, path, e)) {
            buf_clear(&in->read);
            return false;
        }
        in->text = buf_view(&in->read);
    } else {
        if (!os_map_open(&in->map, path, e))
            return false;
        in->text = (struct str){(const char *)in->map.p, in->map.n};
    }
    return !logs_is_packed(in->text) || unpack(in, path, e);
}

void logs_input_close(struct logs_input *in)
{
    os_map_close(&in->map);
    buf_clear(&in->read);
}
