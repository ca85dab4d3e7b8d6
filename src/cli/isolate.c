/* SPDX-License-Identifier: Apache-2.0 */
/* cli/isolate: see isolate.h. */
#include "cli/isolate.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/opts.h"
#include "fetch/role.h"
#include "serve/isolate.h"

static struct isolate command; /* of this process */

static bool enter(bool packs, const char *const *out, unsigned n, unsigned without, struct err *e)
{
    isolate_init(&command, SANDBOX_COMMAND, !fetch_is_built_in());
    command.sandbox.without = without;
    if (packs)
        isolate_packs(&command);
    for (unsigned i = 0; i < n; i++)
        if (out[i] && strcmp(out[i], "-") != 0)
            isolate_file(&command, out[i]);
    isolate_terminal(&command);
    return sandbox_enter(&command.sandbox, e);
}

bool isolate_command(bool packs, const char *out, struct err *e)
{
    return enter(packs, &out, 1, 0, e);
}

bool isolate_writer(bool packs, const char *const *out, unsigned n, struct err *e)
{
    return enter(packs, out, n, 0, e);
}

bool isolate_conversation(struct err *e)
{
    return enter(true, NULL, 0, 1u << SANDBOX_FILES, e);
}

bool isolate_loaded(struct err *e)
{
    return sandbox_seal(&command.sandbox, e);
}

/* May a user who owns nothing read it? */
static bool is_public(const char *path)
{
    char part[4096];
    struct stat st;
    if (snprintf(part, sizeof part, "%s", path) >= (int)sizeof part || stat(part, &st) != 0 ||
        !(st.st_mode & S_IROTH))
        return false;
    for (char *slash; (slash = strrchr(part, '/')) && slash != part;) {
        *slash = '\0';
        if (stat(part, &st) != 0 || !(st.st_mode & S_IXOTH))
            return false;
    }
    return true;
}

bool isolate_fetch(const struct fetch_job *q, struct err *e)
{
    const char *ca = q->ca;
    struct sandbox s = {.role = SANDBOX_FETCH,
                        .local = q->socket,
                        .read = {"/etc", "/usr", "/lib", "/lib64", "/proc/self",
                                 "/proc/sys/kernel/random/boot_id", "/dev/urandom",
                                 "/run/systemd/resolve", ca}};
    const char *variable = fetch_private_ca();
    if (variable && variable != ca)
        s.read[ca ? 9 : 8] = variable;
    if (q->socket || (ca && !is_public(ca)) || (variable && !is_public(variable)))
        s.without = 1u << SANDBOX_USER; /* it stays who it is, to reach that */
    return sandbox_enter(&s, e);
}
