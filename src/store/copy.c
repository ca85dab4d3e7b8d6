/* SPDX-License-Identifier: Apache-2.0 */
/* store/copy: see copy.h. */
#include "store/copy.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/thin.h"

/* The bytes must be there: a name for nothing would be found out only when it runs. */
static bool has_bytes(const struct store *s, const struct manifest *m, struct err *e)
{
    int fd = thin_or_blob_open(s, &m->digest, e);
    if (fd < 0)
        return err_at(e, "%s", m->name.text);
    close(fd);
    return true;
}

static bool copy(const struct store *s, const struct name *from, const struct name *to, bool force,
                 struct err *e)
{
    struct manifest m;
    uint64_t freed;
    if (!manifest_read(s, from, &m, e))
        return false;
    bool there = manifest_exists(s, to);
    bool ok = (force || !there ||
               fail(e, ERR_USAGE, "there is a model %s already; --force gives its name away",
                    to->text)) &&
              has_bytes(s, &m, e);
    m.name = *to;
    m.imported = (int64_t)time(NULL);
    m.through = false; /* somebody wants it: no mirror may remove it */
    ok = ok && manifest_write(s, &m, e);
    if (ok && there)
        (void)!blob_sweep(s, &freed, NULL); /* what lost its last name */
    manifest_clear(&m);
    return ok;
}

bool copy_model(const struct store *s, const struct name *from, const struct name *to, bool force,
                struct err *e)
{
    struct manifest m;
    struct os_lock lock;
    if (strcmp(from->text, to->text) == 0)
        return fail(e, ERR_USAGE, "%s is the name it has already", to->text);
    if (!manifest_read(s, from, &m, e))
        return false; /* before anything is locked: there may be no store */
    manifest_clear(&m);
    if (!store_lock(s, &lock, e))
        return false;
    bool ok = copy(s, from, to, force, e);
    os_lock_close(&lock);
    return ok;
}
