/* SPDX-License-Identifier: Apache-2.0 */
/* cli/logs_input: see logs_input.h. */
#include "cli/logs_input.h"

#include <string.h>

#include "base/limits.h"

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
        return true;
    }
    if (!os_map_open(&in->map, path, e))
        return false;
    in->text = (struct str){(const char *)in->map.p, in->map.n};
    return true;
}

void logs_input_close(struct logs_input *in)
{
    os_map_close(&in->map);
    buf_clear(&in->read);
}
