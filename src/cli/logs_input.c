/* SPDX-License-Identifier: Apache-2.0 */
/* cli/logs_input: see logs_input.h. */
#include "cli/logs_input.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "work/logs_unpack.h"

static char cut_short[1100]; /* what is said then: a handler can put nothing together */

static void on_gone(int signo)
{
    ssize_t n = write(STDERR_FILENO, cut_short, strlen(cut_short));
    (void)signo, (void)n;
    _exit(err_exit_status(ERR_IO));
}

static void expect_cut(const char *path)
{
    char clean[600];
    struct err e;
    snprintf(clean, sizeof clean, "%s", path);
    str_make_printable(clean);
    fail(&e, ERR_IO, "%s was cut short while it was read; do it again", clean);
    snprintf(cut_short, sizeof cut_short, "moat: %s\n", e.msg);
    signal(SIGBUS, on_gone);
}

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
        expect_cut(path);
        in->text = (struct str){(const char *)in->map.p, in->map.n};
    }
    return !logs_is_packed(in->text) || unpack(in, path, e);
}

void logs_input_close(struct logs_input *in)
{
    os_map_close(&in->map);
    buf_clear(&in->read);
}
