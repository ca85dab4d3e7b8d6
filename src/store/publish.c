/* SPDX-License-Identifier: Apache-2.0 */
/* store/publish: see publish.h. */
#include "store/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gguf/gguf.h"

/* The template decides what a model is told: weights may be the right ones and it not. */
static bool check_template(const struct gguf *g, const char *name, const struct digest *wanted,
                           struct err *e)
{
    struct str text = STR("");
    struct digest d;
    if (!wanted)
        return true;
    return gguf_get_str(g, "tokenizer.chat_template", &text, e) && digest_of(&d, text, e) &&
           (strcmp(d.hex, wanted->hex) == 0 ||
            fail(e, ERR_CORRUPT, "%s: its chat template has the SHA-256 %s, not %s", name, d.hex,
                 wanted->hex));
}

bool publish_check(int fd, const char *name, const struct digest *template_digest,
                   char architecture[PUBLISH_ARCHITECTURE], struct err *e)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        return fail(e, ERR_IO, "cannot read %s: %s", name, strerror(errno));
    struct gguf *g = gguf_take_fd(copy, name, e);
    struct str text = STR("");
    bool ok = g && (!g->thin || fail(e, ERR_CORRUPT, "%s has no weights of its own", name)) &&
              gguf_get_str(g, "general.architecture", &text, e) &&
              check_template(g, name, template_digest, e);
    snprintf(architecture, PUBLISH_ARCHITECTURE, "%.*s", STR_ARG(text));
    str_make_printable(architecture);
    gguf_close(g);
    return ok;
}

static bool is_another(const struct publication *p)
{
    struct manifest old;
    if (!manifest_exists(p->store, &p->m.name))
        return false;
    bool known = manifest_read(p->store, &p->m.name, &old, NULL);
    bool other = !known || strcmp(old.digest.hex, p->m.digest.hex) != 0;
    manifest_clear(&old);
    return other;
}

bool publish_model(struct publication *p, struct err *e)
{
    struct os_lock lock;
    uint64_t freed;
    if (!store_lock(p->store, &lock, e))
        return false;
    p->m.imported = (int64_t)time(NULL);
    p->replaced = is_another(p);
    bool ok = p->place(p->arg, &p->m.digest, e) && manifest_write(p->store, &p->m, e);
    if (p->replaced || !ok) /* the old blob, or the new one without a name */
        (void)!blob_sweep(p->store, &freed, NULL);
    os_lock_close(&lock);
    return ok;
}
