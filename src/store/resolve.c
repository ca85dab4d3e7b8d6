/* SPDX-License-Identifier: Apache-2.0 */
/* store/resolve: see resolve.h. */
#include "store/resolve.h"

#include <sys/stat.h>

#include "store/foreign.h"
#include "store/thin.h"

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

void resolved_clear(struct resolved *r)
{
    manifest_clear(&r->manifest);
}

static bool open_stored(const struct name *name, struct resolved *r, struct err *e)
{
    struct store s;
    if (!store_open(&s, false, e) || !manifest_read(&s, name, &r->manifest, e))
        return false;
    r->stored = true;
    int fd = thin_or_blob_open(&s, &r->manifest.digest, e);
    r->gguf = fd >= 0 ? gguf_take_fd(fd, name->text, e) : NULL;
    return r->gguf != NULL;
}

static bool open_foreign(const char *model, struct resolved *r, struct err *e)
{
    struct foreign f;
    r->gguf = foreign_find(&f, model, e) ? gguf_open(f.path, e) : NULL;
    return r->gguf != NULL;
}

bool resolve_model(const char *model, struct resolved *r, struct err *e)
{
    struct name name;
    *r = (struct resolved){0};
    if (foreign_is(model))
        return open_foreign(model, r, e);
    bool path = name_is_path(str_of(model));
    if (!path && !name_parse(&name, str_of(model), e) && !(path = is_file(model)))
        return false;
    if (!path && open_stored(&name, r, e))
        return true;
    if (!path && (r->stored || !is_file(model) || (e && e->code != ERR_NOT_FOUND)))
        return false;
    r->gguf = gguf_open(model, e);
    return r->gguf != NULL;
}
