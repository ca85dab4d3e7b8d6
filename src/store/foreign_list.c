/* SPDX-License-Identifier: Apache-2.0 */
/* store/foreign_list: all models that other programs keep here; see foreign.h. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "store/foreign_private.h"

enum { DEPTH = 8, MOST = 1 << 16 };

struct walk {
    enum foreign_kind kind;
    const char *folder;
    foreign_each_fn *fn;
    void *arg;
    uint32_t seen; /* entries looked at */
    bool stopped;
};

/* "registry.ollama.ai/library/qwen3/8b" -> "ollama:qwen3:8b" */
static bool name_ollama(const char *below, char out[FOREIGN_NAME])
{
    static const char usual[] = "registry.ollama.ai/library/", ours[] = "registry.ollama.ai/";
    const char *tag = strrchr(below, '/');
    if (strncmp(below, usual, sizeof usual - 1) == 0)
        below += sizeof usual - 1;
    else if (strncmp(below, ours, sizeof ours - 1) == 0)
        below += sizeof ours - 1;
    return tag && tag > below &&
           snprintf(out, FOREIGN_NAME, "ollama:%.*s:%s", (int)(tag - below), below, tag + 1) <
               FOREIGN_NAME;
}

/* "models--ORG--REPO/snapshots/COMMIT/PATH" -> "hf:ORG/REPO/PATH@COMMIT" */
static bool name_hf(const char *below, char out[FOREIGN_NAME])
{
    static const char start[] = "models--";
    struct str rest = str_of(below), repo, word, commit;
    if (!str_starts(rest, str_of(start)) || !str_cut(&rest, '/', &repo) ||
        !str_cut(&rest, '/', &word) || !str_is(word, "snapshots") || !str_cut(&rest, '/', &commit))
        return false;
    repo = str_from(repo, sizeof start - 1);
    size_t mark = str_find(repo, STR("--"));
    return mark != SIZE_MAX && rest.n &&
           snprintf(out, FOREIGN_NAME, "hf:%.*s/%.*s/%.*s@%.*s", (int)mark, repo.p,
                    STR_ARG(str_from(repo, mark + 2)), STR_ARG(rest),
                    STR_ARG(commit)) < FOREIGN_NAME;
}

static bool name_of(const struct walk *w, const char *below, char out[FOREIGN_NAME])
{
    if (w->kind == FOREIGN_OLLAMA)
        return name_ollama(below, out);
    if (w->kind == FOREIGN_HF)
        return name_hf(below, out);
    return snprintf(out, FOREIGN_NAME, "lmstudio:%s", below) < FOREIGN_NAME;
}

/* path: of the file; below: behind the folder. */
static void found(struct walk *w, const char *path, const char *below)
{
    struct foreign f = {0};
    bool ollama = w->kind == FOREIGN_OLLAMA;
    if (!ollama && !str_ends(str_of(below), STR(".gguf")))
        return;
    if (!name_of(w, below, f.name))
        return;
    str_make_printable(f.name);
    if (!ollama)
        snprintf(f.path, sizeof f.path, "%s", path);
    if (ollama ? !foreign_read_ollama(&f, w->folder, path) : !foreign_take_file(&f))
        return;
    if (w->kind == FOREIGN_HF)
        foreign_read_link(&f);
    w->stopped = !w->fn(w->arg, &f);
}

/* Bounded in depth and number, so no link in a circle holds it up. */
static void walk(struct walk *w, const char *path, size_t front, uint32_t depth)
{
    DIR *dir = depth < DEPTH ? opendir(path) : NULL;
    for (struct dirent *d; dir && !w->stopped && w->seen < MOST && (d = readdir(dir));) {
        char next[STORE_PATH];
        w->seen++;
        if (d->d_name[0] == '.' ||
            snprintf(next, sizeof next, "%s/%s", path, d->d_name) >= (int)sizeof next)
            continue;
        if (d->d_type == DT_DIR)
            walk(w, next, front, depth + 1);
        else if (d->d_type == DT_REG || d->d_type == DT_LNK)
            found(w, next, next + front);
    }
    if (dir)
        closedir(dir);
}

void foreign_each(foreign_each_fn *fn, void *arg)
{
    char folder[STORE_PATH], start[STORE_PATH];
    struct walk w = {.folder = folder, .fn = fn, .arg = arg};
    for (int kind = FOREIGN_OLLAMA; kind <= FOREIGN_LMSTUDIO; kind++) {
        w.kind = (enum foreign_kind)kind;
        for (uint32_t i = 0; !w.stopped && foreign_folder(w.kind, i, folder); i++) {
            int n = snprintf(start, sizeof start, "%s%s", folder,
                             kind == FOREIGN_OLLAMA ? "/manifests" : "");
            w.seen = 0;
            if (folder[0] && n < (int)sizeof start)
                walk(&w, start, (size_t)n + 1, 0);
        }
    }
}
