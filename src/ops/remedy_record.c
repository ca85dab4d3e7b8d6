/* SPDX-License-Identifier: Apache-2.0 */
/* ops/remedy_record: what was done, kept for undo, and the ways steps touch the system. See
 * remedy.h and remedy_private.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/os.h"
#include "ops/remedy_private.h"

const char *const remedy_kinds[] = {[STEP_FILE] = "file",
                                    [STEP_LINE] = "line",
                                    [STEP_VALUE] = "value",
                                    [STEP_SWAP] = "swap",
                                    [STEP_SYSTEMD] = "systemd"};

void remedy_say(const struct remedy_work *w, const char *format, const char *path)
{
    char line[PATH_MAX + 256];
    snprintf(line, sizeof line, "%s: %s", path, err_text(format));
    if (w->note)
        w->note(w->arg, line);
}

static bool full_path(const struct remedy_work *w, const char *path, char out[PATH_MAX],
                      struct err *e)
{
    if (snprintf(out, PATH_MAX, "%s%s", w->root, path) < PATH_MAX)
        return true;
    return fail(e, ERR_USAGE, "path is too long: %s", w->root);
}

bool remedy_make_parent(const char *path, struct err *e)
{
    char dir[PATH_MAX];
    snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (!slash || slash == dir)
        return true;
    *slash = '\0';
    return os_mkdirs(dir, e);
}

bool remedy_write_whole(const struct remedy_work *w, const char *path, struct str text,
                        struct err *e)
{
    char to[PATH_MAX];
    struct os_atomic_file f;
    if (!full_path(w, path, to, e) || !remedy_make_parent(to, e) || !os_atomic_open(&f, to, e))
        return false;
    bool ok = os_atomic_write(&f, text.p, text.n, e) && os_atomic_commit(&f, e);
    os_atomic_close(&f);
    return ok;
}

bool remedy_save_record(const struct remedy_work *w, struct err *e)
{
    struct buf out;
    buf_init(&out, LIMIT_CONFIG_BYTES);
    json_t *j = json_pack("{s:i, s:O}", "version", 1, "steps", w->done);
    bool ok = json_write(j, JSON_INDENT(1), &out, e) &&
              remedy_write_whole(w, REMEDY_RECORD, buf_view(&out), e);
    json_decref(j);
    buf_clear(&out);
    return ok;
}

/* Nobody else may have written what root is going to act upon. */
bool remedy_load_record(struct remedy_work *w, struct err *e)
{
    char path[PATH_MAX];
    struct os_map map;
    struct err why;
    if (!full_path(w, REMEDY_RECORD, path, e))
        return false;
    if (!os_map_open_own(&map, path, &why)) {
        w->done = why.code == ERR_NOT_FOUND ? json_array() : NULL;
        *e = why;
        return w->done != NULL;
    }
    uint64_t n = map.n;
    json_t *j =
        n <= LIMIT_CONFIG_BYTES ? json_parse((struct str){(const char *)map.p, n}, path, e) : NULL;
    os_map_close(&map);
    if (n > LIMIT_CONFIG_BYTES)
        return fail(e, ERR_LIMIT, "%s is larger than a record can be", path);
    if (!j)
        return false;
    json_t *steps = json_object_get(j, "steps");
    w->done = json_is_array(steps) ? json_incref(steps) : NULL;
    json_decref(j);
    return w->done || fail(e, ERR_CORRUPT, "%s is damaged: it does not list what was done", path);
}

bool remedy_reload_systemd(void)
{
    extern char **environ;
    char name[] = "systemctl", verb[] = "daemon-reload", *argv[] = {name, verb, NULL};
    pid_t pid;
    int status;
    if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) != 0)
        return false;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool remedy_set_value(const struct remedy_work *w, const char *path, const char *value,
                      struct err *e)
{
    char to[PATH_MAX];
    if (!full_path(w, path, to, e))
        return false;
    int fd = open(to, O_WRONLY | O_CLOEXEC);
    size_t n = strlen(value);
    bool ok = fd >= 0 && write(fd, value, n) == (ssize_t)n;
    if (!ok)
        fail(e, errno == EACCES || errno == EPERM ? ERR_DENIED : ERR_IO, "cannot write %s: %s", to,
             strerror(errno));
    if (fd >= 0)
        close(fd);
    return ok;
}

/* "always [madvise] never" -> "madvise" */
struct str remedy_chosen_value(struct str text)
{
    struct str head;
    struct str rest = text;
    if (str_cut(&rest, '[', &head) && rest.n && str_cut(&rest, ']', &head))
        return head;
    return str_trim(text);
}

bool remedy_remove(const struct remedy_work *w, const char *path, struct err *e)
{
    char at[PATH_MAX];
    if (!full_path(w, path, at, e))
        return false;
    return unlink(at) == 0 || errno == ENOENT ||
           fail(e, ERR_IO, "cannot remove %s: %s", at, strerror(errno));
}
