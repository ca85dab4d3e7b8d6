/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes names at hubs and registries, and the answers of those: the same text as each of them. */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "fetch/url.h"
#include "store/upstream.h"

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

static void read_json(struct str text)
{
    struct digest d;
    struct err e = {0};
    json_t *j = json_parse(text, "fuzz", &e);
    if (j && !upstream_read_manifest(j, &d, &e))
        must(e.msg[0]);
    if (j && upstream_read_files(j, "a.gguf", &d))
        must(strlen(d.hex) == DIGEST_HEX);
    char root[DIGEST_HEX + 1];
    if (j && upstream_read_mirror(j, &d, root, &e))
        must(strlen(d.hex) == DIGEST_HEX && (!root[0] || strlen(root) == DIGEST_HEX));
    json_decref(j);
}

static void read_name(const char *text)
{
    struct upstream_ref r;
    struct err e = {0};
    struct url u;
    if (!upstream_is(text))
        return;
    if (!upstream_parse(&r, text, &e)) {
        must(e.msg[0]);
        return;
    }
    must(url_parse(&u, r.base, NULL) && r.repository[0] && r.revision[0]);
    must(!strstr(r.repository, "..") || strstr(text, ".."));
    must(!strchr(r.repository, '?') && !strchr(r.path, '?') && !strchr(r.revision, '/'));
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
    char *text = mem_new(n + 1, 1, NULL), url[LIMIT_URL_BYTES];
    struct digest d;
    struct url u;
    must(text);
    memcpy(text, p, n);
    read_json((struct str){text, n});
    read_name(text);
    if (upstream_read_pointer((struct str){text, n}, &d))
        must(strlen(d.hex) == DIGEST_HEX);
    if (upstream_read_challenge(text, url))
        must(strlen(url) < sizeof url);
    if (url_parse(&u, text, NULL))
        must(u.origin[0] && u.shown[0]);
    mem_free(text);
    return 0;
}
