/* SPDX-License-Identifier: Apache-2.0 */
/* store/upstream_answer: what hubs and registries answer; see upstream.h. Sources: the git-lfs
 * pointer specification, the OCI image manifest specification, the Distribution token
 * authentication specification. */
#include <stdio.h>
#include <string.h>

#include "fetch/url.h"
#include "store/upstream.h"

bool upstream_read_pointer(struct str text, struct digest *d)
{
    struct str line;
    if (text.n > 1024 || !str_starts(text, STR("version https://git-lfs.github.com/spec/")))
        return false;
    while (str_cut(&text, '\n', &line))
        if (str_starts(line, STR("oid ")))
            return digest_parse(d, str_trim(str_from(line, 4)), NULL);
    return false;
}

bool upstream_read_files(const json_t *j, const char *path, struct digest *d)
{
    const json_t *files = json_object_get(json_object_get(j, "Data"), "Files"), *f;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)files, i, f)
    {
        const char *name = json_string_value(json_object_get(f, "Path"));
        const char *sum = json_string_value(json_object_get(f, "Sha256"));
        if (name && sum && strcmp(name, path) == 0)
            return digest_parse(d, str_of(sum), NULL);
    }
    return false;
}

bool upstream_read_mirror(const json_t *j, struct digest *d, char root[DIGEST_HEX + 1],
                          struct err *e)
{
    const char *sum = json_string_value(json_object_get(j, "digest"));
    const char *tree = json_string_value(json_object_get(j, "root"));
    struct digest r = {""};
    if (!sum || !digest_parse(d, str_of(sum), NULL) ||
        (tree && !digest_parse(&r, str_of(tree), NULL)))
        return fail(e, ERR_CORRUPT, "what it says of the model holds a digest that is none");
    snprintf(root, DIGEST_HEX + 1, "%s", r.hex);
    return true;
}

/* --- manifests ----------------------------------------------------------------------------- */

static bool is_model_layer(const json_t *layer)
{
    static const char *const types[] = {"application/vnd.ollama.image.model",
                                        "application/vnd.docker.ai.gguf.v3"};
    const char *type = json_string_value(json_object_get(layer, "mediaType"));
    const char *title = json_string_value(
        json_object_get(json_object_get(layer, "annotations"), "org.opencontainers.image.title"));
    for (size_t i = 0; type && i < sizeof types / sizeof *types; i++)
        if (strcmp(type, types[i]) == 0)
            return true;
    return (title && str_ends(str_of(title), STR(".gguf"))) ||
           (type && str_find(str_of(type), STR("gguf")) != SIZE_MAX);
}

bool upstream_read_manifest(const json_t *j, struct digest *d, struct err *e)
{
    const json_t *layers = json_object_get(j, "layers"), *layer;
    size_t i;
    uint32_t n = 0;
    if (!json_is_array(layers))
        return fail(e, ERR_UNSUPPORTED, "what is there is no manifest of one model");
    json_array_foreach((json_t *)(uintptr_t)layers, i, layer)
    {
        const char *digest = json_string_value(json_object_get(layer, "digest"));
        if (!is_model_layer(layer))
            continue;
        n++;
        if (!digest || !digest_parse(d, str_of(digest), NULL))
            return fail(e, ERR_CORRUPT, "its manifest holds a digest that is none");
    }
    if (n == 0)
        return fail(e, ERR_UNSUPPORTED, "its manifest holds no GGUF file");
    if (n > 1)
        return fail(e, ERR_UNSUPPORTED, "its manifest holds %u GGUF files; moat takes one", n);
    return true;
}

/* --- tokens -------------------------------------------------------------------------------- */

/* key="value" of a challenge; "" where it is absent. */
static void parameter(const char *challenge, const char *key, char *out, size_t cap)
{
    char mark[64];
    snprintf(mark, sizeof mark, "%s=\"", key);
    const char *at = strstr(challenge, mark), *end = NULL;
    while (at && at != challenge && at[-1] != ' ' && at[-1] != ',')
        at = strstr(at + 1, mark);
    if (at)
        end = strchr(at += strlen(mark), '"');
    bool ok = end && (size_t)(end - at) < cap;
    snprintf(out, cap, "%.*s", ok ? (int)(end - at) : 0, ok ? at : "");
}

static void add_query(char url[LIMIT_URL_BYTES], const char *key, const char *value)
{
    size_t n = strlen(url);
    if (value[0])
        n += (size_t)snprintf(url + n, LIMIT_URL_BYTES - n, "%c%s=", strchr(url, '?') ? '&' : '?',
                              key);
    for (; *value && n + 4 < LIMIT_URL_BYTES; value++) {
        unsigned char c = (unsigned char)*value;
        bool keep = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    strchr("-._~/:", c);
        n += (size_t)snprintf(url + n, LIMIT_URL_BYTES - n, keep ? "%c" : "%%%02X", c);
    }
}

bool upstream_read_challenge(const char *challenge, char url[LIMIT_URL_BYTES])
{
    char service[256], scope[512], realm[512];
    struct url u;
    if (!str_starts(str_of(challenge), STR("Bearer ")))
        return false;
    parameter(challenge, "realm", realm, sizeof realm);
    parameter(challenge, "service", service, sizeof service);
    parameter(challenge, "scope", scope, sizeof scope);
    if (!url_parse(&u, realm, NULL) || u.has_user)
        return false;
    snprintf(url, LIMIT_URL_BYTES, "%s", realm);
    add_query(url, "service", service);
    add_query(url, "scope", scope);
    return true;
}
