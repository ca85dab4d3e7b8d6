/* SPDX-License-Identifier: Apache-2.0 */
/* store/foreign: see foreign.h. The walk over all of them: foreign_list.c. Sources: Ollama's
 * docs/faq (where models are stored), huggingface_hub's guide to its cache. */
#include "store/foreign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "store/foreign_private.h"
#include "store/upstream.h"

static const char *const words[] = {
    [FOREIGN_OLLAMA] = "ollama:", [FOREIGN_HF] = "hf:", [FOREIGN_LMSTUDIO] = "lmstudio:"};
enum { N_WORDS = sizeof words / sizeof *words };

static size_t kind_of(const char *text)
{
    size_t k = 0;
    while (k < N_WORDS && strncmp(text, words[k], strlen(words[k])) != 0)
        k++;
    return k;
}

bool foreign_is(const char *text)
{
    return kind_of(text) < N_WORDS;
}

/* --- folders ---------------------------------------------------------------------------------- */

struct place {
    const char *variable, *below;
};

/* In the order in which they are looked at; an empty variable is none. */
static const struct place *places_of(enum foreign_kind kind)
{
    static const struct place all[][6] = {
        [FOREIGN_OLLAMA] = {{"OLLAMA_MODELS", ""},
                            {"HOME", "/.ollama/models"},
                            {NULL, "/usr/share/ollama/.ollama/models"},
                            {NULL, NULL}},
        [FOREIGN_HF] = {{"HF_HUB_CACHE", ""},
                        {"HF_HOME", "/hub"},
                        {"XDG_CACHE_HOME", "/huggingface/hub"},
                        {"HOME", "/.cache/huggingface/hub"},
                        {NULL, NULL}},
        [FOREIGN_LMSTUDIO] = {{"HOME", "/.lmstudio/models"},
                              {"HOME", "/.cache/lm-studio/models"},
                              {NULL, NULL}},
    };
    return all[kind];
}

bool foreign_folder(enum foreign_kind kind, uint32_t i, char out[STORE_PATH])
{
    const struct place *p = places_of(kind);
    for (uint32_t k = 0; k < i; k++)
        if (!p[k].below)
            return false;
    if (!p[i].below)
        return false;
    const char *root = p[i].variable ? getenv(p[i].variable) : "";
    bool given = root && (*root == '/' || !p[i].variable);
    if (!given || snprintf(out, STORE_PATH, "%s%s", root, p[i].below) >= STORE_PATH)
        out[0] = '\0';
    return true;
}

/* --- one file --------------------------------------------------------------------------------- */

bool foreign_take_file(struct foreign *f)
{
    struct stat st;
    if (stat(f->path, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    f->size = (uint64_t)st.st_size;
    f->modified = st.st_mtime;
    return true;
}

/* No part is empty, "." or "..", none holds a control character. */
static bool is_safe(struct str s)
{
    struct str part;
    if (s.n == 0 || s.p[s.n - 1] == '/')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == '\\')
            return false;
    while (str_cut(&s, '/', &part))
        if (part.n == 0 || str_is(part, ".") || str_is(part, ".."))
            return false;
    return true;
}

bool foreign_read_ollama(struct foreign *f, const char *folder, const char *manifest)
{
    json_t *j = json_read_file(manifest, LIMIT_MANIFEST_BYTES, NULL);
    bool ok = j && upstream_read_manifest(j, &f->digest, NULL) &&
              snprintf(f->path, sizeof f->path, "%s/blobs/sha256-%s", folder, f->digest.hex) <
                  (int)sizeof f->path &&
              foreign_take_file(f);
    f->has_digest = ok;
    json_decref(j);
    return ok;
}

static bool find_ollama(struct foreign *f, const char *folder, struct str name)
{
    char manifest[STORE_PATH];
    struct str tag = STR("latest");
    size_t slashes = 0, colon = name.n;
    for (size_t i = 0; i < name.n; i++) {
        slashes += name.p[i] == '/';
        colon = name.p[i] == ':' ? i : name.p[i] == '/' ? name.n : colon;
    }
    if (colon < name.n) {
        tag = str_from(name, colon + 1);
        name.n = colon;
    }
    const char *front = slashes == 0   ? "registry.ollama.ai/library/"
                        : slashes == 1 ? "registry.ollama.ai/"
                                       : "";
    int n = snprintf(manifest, sizeof manifest, "%s/manifests/%s%.*s/%.*s", folder, front,
                     STR_ARG(name), STR_ARG(tag));
    return is_safe(name) && is_safe(tag) && n > 0 && n < (int)sizeof manifest &&
           foreign_read_ollama(f, folder, manifest);
}

/* The name of a blob of the cache is the SHA-256 of a large file: what a snapshot links to. */
void foreign_read_link(struct foreign *f)
{
    char target[STORE_PATH];
    ssize_t n = readlink(f->path, target, sizeof target - 1);
    if (n <= 0)
        return;
    target[n] = '\0';
    const char *slash = strrchr(target, '/');
    f->has_digest = digest_parse(&f->digest, str_of(slash ? slash + 1 : target), NULL);
}

/* The commit that a branch or tag stands for here; a commit stands for itself. */
static void commit_of(const char *folder, struct str repo, struct str revision, char out[128])
{
    char path[STORE_PATH];
    struct buf text;
    snprintf(out, 128, "%.*s", (int)(revision.n < 128 ? revision.n : 0), revision.p);
    int n = snprintf(path, sizeof path, "%s/models--%.*s/refs/%.*s", folder, STR_ARG(repo),
                     STR_ARG(revision));
    buf_init(&text, 256);
    if (n < (int)sizeof path && access(path, F_OK) == 0 && buf_read_file(&text, path, NULL)) {
        struct str commit = str_trim(buf_view(&text));
        if (commit.n && commit.n < 128 && is_safe(commit))
            snprintf(out, 128, "%.*s", (int)commit.n, commit.p);
    }
    buf_clear(&text);
}

/* ORG/REPO/PATH[@REVISION] */
static bool find_hf(struct foreign *f, const char *folder, struct str name)
{
    char repo[FOREIGN_NAME], commit[128];
    struct str revision = STR("main"), org, model;
    for (size_t i = name.n; i-- > 0 && name.p[i] != '/';)
        if (name.p[i] == '@') {
            revision = str_from(name, i + 1);
            name.n = i;
            break;
        }
    struct str path = name;
    if (!is_safe(name) || !is_safe(revision) || !str_cut(&path, '/', &org) ||
        !str_cut(&path, '/', &model) || path.n == 0)
        return false;
    snprintf(repo, sizeof repo, "%.*s--%.*s", STR_ARG(org), STR_ARG(model));
    commit_of(folder, str_of(repo), revision, commit);
    int n = snprintf(f->path, sizeof f->path, "%s/models--%s/snapshots/%s/%.*s", folder, repo,
                     commit, STR_ARG(path));
    if (n <= 0 || n >= (int)sizeof f->path || !foreign_take_file(f))
        return false;
    foreign_read_link(f);
    return true;
}

static bool find_lmstudio(struct foreign *f, const char *folder, struct str name)
{
    int n = snprintf(f->path, sizeof f->path, "%s/%.*s", folder, STR_ARG(name));
    return is_safe(name) && n > 0 && n < (int)sizeof f->path && foreign_take_file(f);
}

static bool find_in(struct foreign *f, enum foreign_kind kind, const char *folder, struct str name)
{
    if (kind == FOREIGN_OLLAMA)
        return find_ollama(f, folder, name);
    return kind == FOREIGN_HF ? find_hf(f, folder, name) : find_lmstudio(f, folder, name);
}

bool foreign_find(struct foreign *f, const char *text, struct err *e)
{
    size_t kind = kind_of(text);
    char folder[STORE_PATH];
    struct buf looked;
    must(kind < N_WORDS);
    *f = (struct foreign){0};
    if (snprintf(f->name, sizeof f->name, "%s", text) >= (int)sizeof f->name)
        return fail(e, ERR_USAGE, "the name of a model has at most %d bytes", FOREIGN_NAME - 1);
    struct str name = str_from(str_of(text), strlen(words[kind]));
    buf_init(&looked, 4096);
    bool found = false;
    for (uint32_t i = 0; !found && foreign_folder((enum foreign_kind)kind, i, folder); i++) {
        if (!folder[0])
            continue;
        found = find_in(f, (enum foreign_kind)kind, folder, name);
        buf_fmt(&looked, "%s%s", looked.n ? ", " : "", folder);
    }
    if (!found && kind == FOREIGN_LMSTUDIO)
        fail(e, ERR_NOT_FOUND, "%s is not on this machine; looked in %s", text, buf_c(&looked));
    else if (!found)
        fail(e, ERR_NOT_FOUND, "%s is not on this machine; looked in %s; moat pull %s fetches it",
             text, buf_c(&looked), text);
    buf_clear(&looked);
    return found;
}
