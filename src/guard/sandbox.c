/* SPDX-License-Identifier: Apache-2.0 */
/* guard/sandbox: see sandbox.h. */
#include "guard/sandbox.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/os.h"
#include "guard/sandbox_private.h"

#define CAP(name) (1u << (name))
#define TO_OTHERS (CAP(CAP_SETUID) | CAP(CAP_SETGID)) /* to become a user that owns nothing */
#define ANY_FILE  (CAP(CAP_DAC_OVERRIDE) | CAP(CAP_FOWNER) | CAP(CAP_CHOWN))

#if defined(__SANITIZE_ADDRESS__)
#define INSTRUMENTED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define INSTRUMENTED true
#endif
#endif
#ifndef INSTRUMENTED
#define INSTRUMENTED false
#endif

/* Per role: its name, has it the network, a user of its own, and what root keeps: files of other
 * owners (Landlock says which), the right to become another user, to signal those who did. */
static const struct role {
    const char *name;
    bool network, user;
    unsigned kept;
} roles[SANDBOX_ROLES] = {
    [SANDBOX_SUPERVISOR] = {"supervisor", false, false, TO_OTHERS | ANY_FILE | CAP(CAP_KILL)},
    [SANDBOX_FRONT] = {"front", false, true, TO_OTHERS},
    [SANDBOX_ENGINE] = {"engine", false, true, TO_OTHERS | ANY_FILE},
    [SANDBOX_KEEPER] = {"keeper", false, false, ANY_FILE},
    [SANDBOX_AUDITOR] = {"auditor", false, false, ANY_FILE},
    [SANDBOX_STARTER] = {"starter", true, false, TO_OTHERS},
    [SANDBOX_FETCH] = {"fetch", true, true, TO_OTHERS},
    [SANDBOX_COMMAND] = {"command", false, false, ANY_FILE},
    [SANDBOX_IMPORT] = {"import", false, false, ANY_FILE},
};

/* The empty network that a parent of this process has entered is this one's too. */
static bool network_is_left;

bool sandbox_is_built_in(void)
{
    return !INSTRUMENTED;
}

const char *sandbox_role_name(enum sandbox_role role)
{
    return roles[role].name;
}

const char *sandbox_layer_name(enum sandbox_layer layer)
{
    static const char *const names[] = {"network", "files", "user", "rights", "calls"};
    return names[layer];
}

bool sandbox_has(enum sandbox_role role, enum sandbox_layer layer)
{
    if (layer == SANDBOX_NETWORK)
        return !roles[role].network;
    return layer != SANDBOX_USER || roles[role].user;
}

static void note(struct sandbox *s, enum sandbox_layer layer, bool applied)
{
    struct sandbox_state *state = &s->state[layer];
    *state = (struct sandbox_state){.outcome = applied ? SANDBOX_APPLIED : SANDBOX_REFUSED};
    if (applied)
        return;
    state->error = errno;
    snprintf(state->why, sizeof state->why, "%s", strerror(errno));
}

static bool wanted(struct sandbox *s, enum sandbox_layer layer)
{
    if (sandbox_has(s->role, layer) && !(s->without >> layer & 1) && !INSTRUMENTED)
        return true;
    s->state[layer] = (struct sandbox_state){.outcome = SANDBOX_NOT_MEANT};
    return false;
}

/* In the air-gap profile what isolates must be in force; and nowhere is it left out because memory
 * is short just now. */
static bool judge(const struct sandbox *s, enum sandbox_layer layer, struct err *e)
{
    if (s->state[layer].outcome == SANDBOX_REFUSED && s->state[layer].error == ENOMEM)
        return fail(e, ERR_LIMIT, "not enough memory for the sandbox of the role %s",
                    roles[s->role].name);
    if (!s->airgap || s->state[layer].outcome != SANDBOX_REFUSED)
        return true;
    return fail(e, ERR_DENIED,
                "the air-gap profile needs the layer \"%s\" of the sandbox, which this system does "
                "not give the role %s (%s); moat attest shows them all",
                sandbox_layer_name(layer), roles[s->role].name, s->state[layer].why);
}

static void leave_network(struct sandbox *s)
{
    if (!wanted(s, SANDBOX_NETWORK))
        return;
    network_is_left = network_is_left || sandbox_network();
    note(s, SANDBOX_NETWORK, network_is_left);
}

/* What would be read from a file at its first use: messages, the time zone, memory in use. */
static void load_early(void)
{
    (void)err_text("ok");
    tzset();
    (void)os_rss_bytes();
}

static void leave_user(struct sandbox *s)
{
    if (!wanted(s, SANDBOX_USER))
        return;
    if (geteuid() != 0)
        errno = EPERM; /* only root can become somebody else */
    note(s, SANDBOX_USER, geteuid() == 0 && sandbox_own_user(s->role));
}

/* For ps. Commands keep their name. */
static void name_process(enum sandbox_role role)
{
    char name[16];
    if (role == SANDBOX_COMMAND || role == SANDBOX_IMPORT)
        return;
    snprintf(name, sizeof name, "moat:%s", roles[role].name);
    os_name_process(name);
}

bool sandbox_enter_space(struct sandbox *s, struct err *e)
{
    name_process(s->role);
    load_early();
    leave_network(s);
    if (wanted(s, SANDBOX_FILES))
        note(s, SANDBOX_FILES, sandbox_files(s));
    if (s->role != SANDBOX_ENGINE) /* it still writes its packed weights as who it is */
        leave_user(s);
    if (wanted(s, SANDBOX_RIGHTS)) {
        bool gone = sandbox_has(s->role, SANDBOX_USER) && s->role != SANDBOX_ENGINE;
        note(s, SANDBOX_RIGHTS, sandbox_rights(gone ? 0 : roles[s->role].kept));
    }
    return judge(s, SANDBOX_NETWORK, e) && judge(s, SANDBOX_FILES, e);
}

bool sandbox_enter_calls(struct sandbox *s, struct err *e)
{
    if (wanted(s, SANDBOX_CALLS))
        note(s, SANDBOX_CALLS, sandbox_calls(s, false));
    return judge(s, SANDBOX_CALLS, e);
}

bool sandbox_enter(struct sandbox *s, struct err *e)
{
    return sandbox_enter_space(s, e) && sandbox_enter_calls(s, e);
}

bool sandbox_seal(struct sandbox *s, struct err *e)
{
    load_early();
    if (s->role == SANDBOX_ENGINE)
        leave_user(s);
    if (wanted(s, SANDBOX_CALLS))
        note(s, SANDBOX_CALLS, sandbox_calls(s, true));
    return judge(s, SANDBOX_CALLS, e);
}
