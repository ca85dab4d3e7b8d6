/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/absent: what stands for the fetch role in the air-gap build (make AIRGAP=1), which has
 * neither the role nor libcurl: every call says so. */
#include <strings.h>

#include "fetch/role.h"
#include "fetch/url.h"

static bool absent(struct err *e)
{
    return fail(e, ERR_UNSUPPORTED,
                "this is the air-gap build of moat, which fetches nothing; bring files by moat "
                "import or moat bundle install");
}

bool fetch_is_built_in(void)
{
    return false;
}

int fetch_role_main(bool (*enter)(const struct fetch_job *q, struct err *e))
{
    (void)enter;
    return err_exit_status(ERR_UNSUPPORTED);
}

bool fetch_call(const struct fetch_job *q, int data_fd, int journal_fd, const atomic_bool *stop,
                fetch_event_fn *fn, void *arg, struct event *last, struct document *d,
                struct err *e)
{
    (void)q, (void)data_fd, (void)journal_fd, (void)stop, (void)fn, (void)arg, (void)last;
    if (d) {
        *d = (struct document){0};
        buf_init(&d->body, 1);
    }
    return absent(e);
}

const char *fetch_private_ca(void)
{
    return NULL;
}

bool url_is(const char *text)
{
    return strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0;
}

bool url_parse(struct url *u, const char *text, struct err *e)
{
    *u = (struct url){0};
    (void)text;
    return absent(e);
}
