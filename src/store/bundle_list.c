/* SPDX-License-Identifier: Apache-2.0 */
/* store/bundle_list: the list of files of a bundle. See bundle_head.h.
 *
 *     {"format": 1, "version": 1, "moat": "0.1.0", "arch": "x86_64", "part_bytes": 0,
 *      "program_bytes": n, "payload_bytes": n, "segments": ["<64 hex>", ...],
 *      "files": [{"kind": "model", "path": "models/sha256-...", "bytes": n, "sha256": "<64 hex>",
 *                 "name": "smollm2:135m", "settings": {...}}, ...]} */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "store/bundle_head.h"

const char *const bundle_kind_names[BUNDLE_KINDS] = {
    [BUNDLE_PROGRAM] = "program", [BUNDLE_MODEL] = "model", [BUNDLE_CATALOG] = "catalog",
    [BUNDLE_POLICY] = "policy",   [BUNDLE_DOC] = "doc",     [BUNDLE_LICENCE] = "licence"};

const char *bundle_kind_folder(enum bundle_kind kind)
{
    static const char *const folders[BUNDLE_KINDS] = {
        [BUNDLE_PROGRAM] = "moat/",  [BUNDLE_MODEL] = "models/", [BUNDLE_CATALOG] = "catalogs/",
        [BUNDLE_POLICY] = "policy/", [BUNDLE_DOC] = "docs/",     [BUNDLE_LICENCE] = "licences/"};
    return folders[kind];
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '+' || c == '-';
}

bool bundle_path_valid(struct str path)
{
    bool fresh = true; /* at the beginning of a part */
    if (path.n == 0 || path.n >= BUNDLE_PATH || path.p[path.n - 1] == '/')
        return false;
    for (size_t i = 0; i < path.n; i++) {
        char c = path.p[i];
        if (c == '/' ? fresh : !is_plain(c) || (fresh && (c == '.' || c == '-')))
            return false;
        fresh = c == '/';
    }
    return true;
}

/* --- writing --------------------------------------------------------------------------------- */

static json_t *file_json(const struct bundle_file *f, const json_t *settings)
{
    json_t *j = json_pack("{s:s, s:s, s:I, s:s}", "kind", bundle_kind_names[f->kind], "path",
                          f->path, "bytes", (json_int_t)f->bytes, "sha256", f->digest.hex);
    if (j && f->executable)
        json_object_set_new(j, "executable", json_true());
    if (j && f->kind == BUNDLE_MODEL)
        json_object_set_new(j, "name", json_string(f->name.text));
    if (j && settings)
        json_object_set(j, "settings", (json_t *)(uintptr_t)settings);
    return j;
}

json_t *bundle_list_print(const struct bundle *b, const json_t *const *settings)
{
    json_t *files = json_array(), *segments = json_array();
    for (uint32_t i = 0; i < b->n_files; i++)
        json_array_append_new(files, file_json(&b->file[i], settings[i]));
    for (uint32_t i = 0; i < b->n_segments; i++)
        json_array_append_new(segments, json_string(b->segment[i].hex));
    return json_pack("{s:i, s:I, s:s, s:s, s:I, s:I, s:I, s:o, s:o}", "format", 1, "version",
                     (json_int_t)b->terms.version, "moat", b->moat, "arch", b->arch, "part_bytes",
                     (json_int_t)b->at.part_bytes, "program_bytes", (json_int_t)b->at.program_bytes,
                     "payload_bytes", (json_int_t)b->at.payload_bytes, "files", files, "segments",
                     segments);
}

/* --- reading --------------------------------------------------------------------------------- */

static bool bad(const char *where, const char *what, struct err *e)
{
    return fail(e, ERR_CORRUPT, "%s: its list of files does not hold: %s", where, what);
}

static bool get_u64(const json_t *j, const char *key, uint64_t max, uint64_t *out)
{
    const json_t *v = json_object_get(j, key);
    json_int_t n = json_integer_value(v);
    *out = n > 0 ? (uint64_t)n : 0;
    return json_is_integer(v) && n >= 0 && *out <= max;
}

static struct str get_text(const json_t *j, const char *key)
{
    return str_of(json_string_value(json_object_get(j, key)));
}

static bool read_kind(struct bundle_file *f, const json_t *j)
{
    struct str kind = get_text(j, "kind");
    for (int k = 0; k < BUNDLE_KINDS; k++)
        if (str_is(kind, bundle_kind_names[k])) {
            f->kind = (enum bundle_kind)k;
            return true;
        }
    return false;
}

/* Where a file goes follows from what it is: a path is of its kind's folder, a model's of its
 * digest. */
static bool path_fits(const struct bundle_file *f)
{
    char model[BUNDLE_PATH];
    const char *folder = bundle_kind_folder(f->kind);
    if (!str_starts(str_of(f->path), str_of(folder)))
        return false;
    snprintf(model, sizeof model, "%ssha256-%s", folder, f->digest.hex);
    return f->kind == BUNDLE_MODEL ? strcmp(f->path, model) == 0
           : f->kind == BUNDLE_PROGRAM
               ? true
               : strchr(f->path + strlen(folder), '/') == NULL; /* one level */
}

static bool read_file(struct bundle_file *f, const json_t *j, const char *where, struct err *e)
{
    struct str path = get_text(j, "path");
    *f = (struct bundle_file){.executable = json_is_true(json_object_get(j, "executable"))};
    if (!read_kind(f, j))
        return bad(where, err_text(N_("a file of an unknown kind")), e);
    if (!bundle_path_valid(path))
        return bad(where, err_text(N_("an unsafe path")), e);
    snprintf(f->path, sizeof f->path, "%.*s", STR_ARG(path));
    if (!get_u64(j, "bytes", LIMIT_BUNDLE_BYTES, &f->bytes) ||
        !digest_parse(&f->digest, get_text(j, "sha256"), NULL))
        return bad(where, f->path, e);
    if (f->kind == BUNDLE_MODEL && !name_parse(&f->name, get_text(j, "name"), e))
        return err_at(e, "%s", where);
    f->settings = f->kind == BUNDLE_MODEL ? json_object_get(j, "settings") : NULL;
    if (f->settings && !json_is_object(f->settings))
        return bad(where, f->path, e);
    return path_fits(f) || bad(where, f->path, e);
}

/* Programs come first, and no path twice; one model may have several names. */
static bool check_order(const struct bundle *b, const char *where, struct err *e)
{
    struct map seen = {0};
    bool ok = map_reserve(&seen, b->n_files, e);
    uint32_t before;
    for (uint32_t i = 0; ok && i < b->n_files; i++) {
        const struct bundle_file *f = &b->file[i];
        bool late = f->kind == BUNDLE_PROGRAM && i && b->file[i - 1].kind != BUNDLE_PROGRAM;
        if (late || map_get(&seen, str_of(f->path), &before))
            ok = bad(where, f->path, e);
        else
            ok = map_put(&seen, str_of(f->path), i, e);
    }
    map_clear(&seen);
    return ok;
}

static bool read_files(struct bundle *b, const char *where, struct err *e)
{
    const json_t *files = json_object_get(b->list, "files");
    size_t n = json_array_size(files);
    if (!json_is_array(files) || n > LIMIT_BUNDLE_FILES)
        return bad(where, "files", e);
    b->file = mem_new(n ? n : 1, sizeof *b->file, e);
    for (size_t i = 0; b->file && i < n; i++, b->n_files++)
        if (!read_file(&b->file[i], json_array_get(files, i), where, e))
            return false;
    return b->file && check_order(b, where, e);
}

static bool read_segments(struct bundle *b, const char *where, struct err *e)
{
    const json_t *segments = json_object_get(b->list, "segments");
    uint64_t bytes = b->at.program_bytes + b->at.payload_bytes;
    uint64_t n = (bytes + BUNDLE_SEGMENT - 1) / BUNDLE_SEGMENT;
    if (json_array_size(segments) != n)
        return bad(where, "segments", e);
    b->segment = mem_new(n ? n : 1, sizeof *b->segment, e);
    for (uint64_t i = 0; b->segment && i < n; i++, b->n_segments++)
        if (!digest_parse(&b->segment[i], str_of(json_string_value(json_array_get(segments, i))),
                          NULL))
            return bad(where, "segments", e);
    return b->segment != NULL;
}

bool bundle_list_parse(struct bundle *b, struct str text, const char *where, struct err *e)
{
    uint64_t format, program, payload;
    if (!(b->list = json_parse(text, where, e)))
        return false;
    if (!get_u64(b->list, "format", UINT32_MAX, &format) || format == 0)
        return bad(where, "format", e);
    if (format != 1)
        return fail(e, ERR_UNSUPPORTED,
                    "%s is a bundle of a format that this moat does not know; take a newer moat",
                    where);
    b->arch = json_string_value(json_object_get(b->list, "arch"));
    b->moat = json_string_value(json_object_get(b->list, "moat"));
    if (!b->arch || !b->moat || !sign_terms_read(&b->terms, b->list, where, e))
        return b->arch && b->moat ? false : bad(where, "moat", e);
    if (!get_u64(b->list, "part_bytes", LIMIT_BUNDLE_BYTES, &b->at.part_bytes) ||
        b->at.part_bytes % BUNDLE_ALIGN ||
        (b->at.part_bytes && b->at.part_bytes < b->at.head_bytes))
        return bad(where, "part_bytes", e);
    if (!get_u64(b->list, "program_bytes", LIMIT_BUNDLE_BYTES, &program) ||
        !get_u64(b->list, "payload_bytes", LIMIT_BUNDLE_BYTES, &payload) ||
        program != b->at.program_bytes || payload != b->at.payload_bytes)
        return bad(where, "program_bytes", e);
    return read_segments(b, where, e) && read_files(b, where, e);
}
