/* SPDX-License-Identifier: Apache-2.0 */
/* store/upstream_ref: reading names of models at hubs and registries; see upstream.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fetch/url.h"
#include "store/upstream.h"

static const struct {
    const char *word, *shape, *host, *variable, *revision;
} kinds[] = {
    [UPSTREAM_HF] = {"hf:", "hf:ORG/REPO/FILE.gguf", "https://huggingface.co", "HF_ENDPOINT",
                     "main"},
    [UPSTREAM_MS] = {"ms:", "ms:ORG/REPO/FILE.gguf", "https://modelscope.cn", "MODELSCOPE_DOMAIN",
                     "master"},
    [UPSTREAM_OLLAMA] = {"ollama:", "ollama:MODEL[:TAG]", "https://registry.ollama.ai", NULL,
                         "latest"},
    [UPSTREAM_OCI] = {"oci:", "oci:HOST/REPOSITORY[:TAG]", NULL, NULL, "latest"},
    [UPSTREAM_MOAT] = {"moat:", "moat:HOST/NAME[:TAG]", NULL, NULL, "latest"},
};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

static size_t kind_of(const char *text)
{
    size_t k = 0;
    while (k < N_KINDS && strncmp(text, kinds[k].word, strlen(kinds[k].word)) != 0)
        k++;
    return k;
}

bool upstream_is(const char *text)
{
    return kind_of(text) < N_KINDS;
}

static bool bad_shape(const struct upstream_ref *r, struct err *e)
{
    return fail(e, ERR_USAGE, "this is no name of that kind: write %s", kinds[r->kind].shape);
}

static bool plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

/* Parts between slashes, each percent-encoded; none empty, "." or "..". */
static bool encode(struct str s, char *out, size_t cap)
{
    struct str part, rest = s;
    size_t n = 0;
    if (s.n == 0 || s.p[s.n - 1] == '/')
        return false;
    while (str_cut(&rest, '/', &part)) {
        if (part.n == 0 || str_is(part, ".") || str_is(part, ".."))
            return false;
        for (size_t i = 0; i < part.n + (rest.n > 0); i++) {
            char c = i < part.n ? part.p[i] : '/';
            if (n + 4 > cap || (unsigned char)c < ' ')
                return false;
            bool keep = plain(c) || i == part.n;
            n += (size_t)snprintf(out + n, cap - n, keep ? "%c" : "%%%02X", (unsigned char)c);
        }
    }
    return n > 0;
}

/* NAME:TAG rather than ORG/REPO/FILE@REVISION. */
static bool has_tags(const struct upstream_ref *r)
{
    return r->kind == UPSTREAM_OLLAMA || r->kind == UPSTREAM_OCI || r->kind == UPSTREAM_MOAT;
}

/* The host a name begins with, else the usual one; *s goes on behind it. */
static bool take_base(struct upstream_ref *r, struct str *s, struct err *e)
{
    struct str text = *s, host;
    const char *scheme = "https://";
    struct url u;
    const char *usual = kinds[r->kind].variable ? getenv(kinds[r->kind].variable) : NULL;
    bool given = str_starts(text, STR("http://")) || str_starts(text, STR("https://"));
    if (given) {
        scheme = str_starts(text, STR("http://")) ? "http://" : "https://";
        text = str_from(text, strlen(scheme));
    }
    bool registry = has_tags(r);
    struct str rest = text;
    bool named = str_cut(&rest, '/', &host) && rest.n &&
                 (given || !kinds[r->kind].host || str_find(host, STR(".")) != SIZE_MAX ||
                  str_find(host, STR(":")) != SIZE_MAX);
    if (registry && named) {
        *s = rest;
        bool hub = str_is(host, "docker.io"); /* its registry has another name */
        snprintf(r->base, sizeof r->base, "%s%s%.*s", scheme, hub ? "registry-1." : "",
                 STR_ARG(host));
    } else if (!registry && !given) {
        usual = usual && *usual ? usual : kinds[r->kind].host;
        snprintf(r->base, sizeof r->base, "%s%s", url_is(usual) ? "" : "https://", usual);
        while (r->base[0] && r->base[strlen(r->base) - 1] == '/')
            r->base[strlen(r->base) - 1] = '\0';
    } else if (r->kind == UPSTREAM_OLLAMA && !given) {
        snprintf(r->base, sizeof r->base, "%s", kinds[r->kind].host);
    }
    return (r->base[0] && url_parse(&u, r->base, NULL) && !u.has_user) || bad_shape(r, e);
}

/* Cuts what follows the last mark that stands behind the last slash. */
static bool take_revision(struct upstream_ref *r, struct str *s, char mark)
{
    struct str revision = str_of(kinds[r->kind].revision);
    for (size_t i = s->n; i-- > 0 && s->p[i] != '/';)
        if (s->p[i] == mark) {
            revision = str_from(*s, i + 1);
            s->n = i;
            break;
        }
    return encode(revision, r->revision, sizeof r->revision);
}

/* ORG/REPO/PATH */
static bool take_file(struct upstream_ref *r, struct str s)
{
    size_t slashes = 0, at = 0;
    for (; at < s.n; at++)
        if (s.p[at] == '/' && ++slashes == 2)
            break;
    return slashes == 2 && encode(str_sub(s, 0, at), r->repository, sizeof r->repository) &&
           encode(str_from(s, at + 1), r->path, sizeof r->path);
}

static bool take_repository(struct upstream_ref *r, struct str s)
{
    char text[512];
    bool bare = s.n && !memchr(s.p, '/', s.n) && r->kind == UPSTREAM_OLLAMA;
    int n = snprintf(text, sizeof text, "%s%.*s", bare ? "library/" : "", STR_ARG(s));
    const char *slash = strrchr(text, '/');
    snprintf(r->name, sizeof r->name, "%.*s", NAME_PART, slash ? slash + 1 : text);
    return n > 0 && (size_t)n < sizeof text &&
           encode(str_of(text), r->repository, sizeof r->repository);
}

bool upstream_parse(struct upstream_ref *r, const char *text, struct err *e)
{
    size_t kind = kind_of(text);
    *r = (struct upstream_ref){.kind = (enum upstream_kind)kind};
    must(kind < N_KINDS);
    struct str s = str_from(str_of(text), strlen(kinds[kind].word));
    bool registry = has_tags(r);
    if (s.n > 400)
        return bad_shape(r, e);
    if (!take_base(r, &s, e))
        return false;
    return (take_revision(r, &s, registry ? ':' : '@') &&
            (registry ? take_repository(r, s) : take_file(r, s))) ||
           bad_shape(r, e);
}

/* --- what it may be called ----------------------------------------------------------------- */

/* "SmolLM2-135M.Q4_K_M.gguf" -> "SmolLM2-135M.Q4_K_M" */
static bool name_of_file(const char *file, struct name *name, struct err *e)
{
    char text[NAME_PART + 1];
    struct str s = str_of(file);
    if (str_ends(s, STR(".gguf")))
        s.n -= 5;
    size_t n = 0;
    for (size_t i = 0; i < s.n && n < NAME_PART; i++) {
        char c = s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '.' || c == '_';
        if (plain || n)
            text[n++] = plain ? c : '-';
    }
    text[n] = '\0';
    return name_parse(name, (struct str){text, n}, NULL) ||
           fail(e, ERR_USAGE, "moat pull needs --name NAME[:TAG], what to call the model");
}

bool upstream_name(const struct upstream_ref *r, const char *file, struct name *name, struct err *e)
{
    char text[2 * NAME_PART + 300];
    if (!r->name[0])
        return name_of_file(file, name, e);
    snprintf(text, sizeof text, "%s:%s", r->name, r->revision);
    return name_parse(name, str_of(text), e);
}
