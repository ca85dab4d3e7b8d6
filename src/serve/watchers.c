/* SPDX-License-Identifier: Apache-2.0 */
/* serve/watchers: see watchers.h. */
#include "serve/watchers.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "serve/log.h"

static bool reserving;

static void *grow(void *p, size_t n)
{
    void *grown = mem_resize(p, n);
    if (grown || !reserving)
        return grown;
    log_event("front-failed", "not enough memory for its table of connections");
    _exit(err_exit_status(ERR_LIMIT));
}

void watchers_begin(void)
{
    (void)uv_replace_allocator(malloc, grow, calloc, free);
}

static void on_event(uv_poll_t *handle, int status, int events)
{
    (void)handle, (void)status, (void)events;
}

static int highest(uint32_t n)
{
    struct rlimit most;
    if (getrlimit(RLIMIT_NOFILE, &most) == 0 && most.rlim_cur < n)
        n = (uint32_t)most.rlim_cur;
    return n > 0 ? (int)n - 1 : 0;
}

bool watchers_reserve(uv_loop_t *loop, int fd, uint32_t n)
{
    uv_poll_t poll;
    int high = fcntl(fd, F_DUPFD_CLOEXEC, highest(n));
    if (high < 0 || uv_poll_init(loop, &poll, high) != 0)
        return false;
    reserving = true; /* uv_poll_start makes the table long enough for this one */
    bool ok = uv_poll_start(&poll, UV_READABLE, on_event) == 0;
    reserving = false;
    uv_close((uv_handle_t *)&poll, NULL);
    uv_run(loop, UV_RUN_NOWAIT); /* the handle is gone, before its memory is */
    close(high);
    return ok;
}
