/* SPDX-License-Identifier: Apache-2.0 */
/* store/bundle: opening and checking one. See bundle.h. */
#include "store/bundle.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "base/mem.h"
#include "store/bundle_head.h"
#include "store/bundle_parts.h"
#include "store/bundle_walk.h"

/* The checksum finds damage, and says so before a signature that fails for it would frighten. */
static bool check_head(const struct bundle *b, const char *head, const char *where, struct err *e)
{
    struct digest d;
    uint64_t used = BUNDLE_HEADER + b->at.list_bytes + b->at.signature_bytes;
    bool zeros = true;
    for (uint64_t i = used; i < b->at.head_bytes; i++)
        zeros = zeros && head[i] == 0;
    if (!digest_of(&d, (struct str){head + BUNDLE_HEADER, used - BUNDLE_HEADER}, e))
        return false;
    return (zeros && strcmp(d.hex, b->at.checksum.hex) == 0) ||
           fail(e, ERR_CORRUPT, "%s is damaged in its list of files; copy it again", where);
}

/* "anna, 0123456789abcdef" */
static void name_signers(struct bundle *b, const struct sign_set *set,
                         const struct sign_trust *trust)
{
    size_t n = 0;
    for (uint32_t i = 0; i < set->n; i++)
        for (uint32_t k = 0; k < trust->n && n < sizeof b->signers; k++)
            if (strcmp(set->v[i].id, trust->key[k].id) == 0) {
                const char *name = trust->key[k].name;
                n += (size_t)snprintf(b->signers + n, sizeof b->signers - n, "%s%s", n ? ", " : "",
                                      name[0] ? name : trust->key[k].id);
                break;
            }
}

static bool check_list(struct bundle *b, const char *head, const char *where,
                       const struct sign_trust *trust, struct err *e)
{
    struct sign_set set;
    struct str list = {head + BUNDLE_HEADER, b->at.list_bytes};
    struct str signature = {list.p + list.n, b->at.signature_bytes};
    if (!check_head(b, head, where, e) || !sign_set_parse(&set, signature, where, e) ||
        !sign_check(&set, SIGN_BUNDLE, list, trust, e))
        return false;
    name_signers(b, &set, trust);
    return bundle_list_parse(b, list, where, e) &&
           sign_terms_check(&b->terms, 0, (int64_t)time(NULL), where, e);
}

static bool read_head(struct bundle *b, const char *where, const struct sign_trust *trust,
                      struct err *e)
{
    char header[BUNDLE_HEADER];
    if (!bundle_parts_read(b->parts, header, sizeof header, 0, e) ||
        !bundle_header_parse(&b->at, header, where, e))
        return false;
    char *head = mem_new(b->at.head_bytes, 1, e);
    bool ok = head && bundle_parts_read(b->parts, head, b->at.head_bytes, 0, e) &&
              (memcmp(head, header, sizeof header) == 0 ||
               fail(e, ERR_CORRUPT, "%s changes while it is read", where)) &&
              check_list(b, head, where, trust, e);
    mem_free(head);
    return ok;
}

bool bundle_open(struct bundle *b, const char *path, const struct sign_trust *trust, struct err *e)
{
    *b = (struct bundle){.parts = bundle_parts_open(path, e)};
    bool ok = b->parts && read_head(b, bundle_parts_path(b->parts), trust, e) &&
              bundle_parts_expect(b->parts, bundle_bytes(&b->at), b->at.part_bytes, e);
    if (!ok)
        bundle_close(b);
    return ok;
}

void bundle_close(struct bundle *b)
{
    bundle_parts_close(b->parts);
    json_decref(b->list);
    mem_free(b->file);
    mem_free(b->segment);
    *b = (struct bundle){0};
}

static bool verify_segments(const struct bundle *b, const struct store_progress *progress,
                            struct err *e)
{
    char *segment = mem_new(BUNDLE_SEGMENT, 1, e), name[STORE_PATH];
    uint64_t end = bundle_bytes(&b->at), at = b->at.head_bytes;
    bool ok = segment != NULL;
    for (uint32_t i = 0; ok && i < b->n_segments; i++) {
        struct digest d;
        size_t n = end - at < BUNDLE_SEGMENT ? (size_t)(end - at) : BUNDLE_SEGMENT;
        ok = bundle_parts_read(b->parts, segment, n, at, e) &&
             digest_of(&d, (struct str){segment, n}, e);
        if (ok && strcmp(d.hex, b->segment[i].hex) != 0)
            ok = fail(e, ERR_CORRUPT,
                      "%s is damaged, or not the part it is called: bytes %llu to %llu of the "
                      "bundle are not what was signed; copy it again",
                      bundle_parts_name(b->parts, at, name), (unsigned long long)at,
                      (unsigned long long)(at + n - 1));
        at += n;
        ok = ok && store_progress(progress, at, end, e);
    }
    mem_free(segment);
    return ok;
}

static bool verify_file(void *arg, struct bundle_walk *w, const struct bundle_file *f,
                        struct err *e)
{
    (void)arg;
    (void)f;
    return bundle_walk_stream(w, NULL, NULL, e);
}

bool bundle_verify(const struct bundle *b, const struct store_progress *progress, struct err *e)
{
    return verify_segments(b, progress, e) && bundle_walk(b, true, progress, verify_file, NULL, e);
}
