/* SPDX-License-Identifier: Apache-2.0 */
/* What was cut into tokens comes back byte for byte, in the vocabularies of $MOAT_SHARED.
 *
 * Byte-level BPE and SentencePiece with a token for each byte allow it: eleven of the twelve. The
 * WordPiece of BERT does not: it takes case and accents away, joins blanks, and has one token for
 * all that it does not know. */
#include <archive.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "gguf/gguf.h"
#include "text/detok.h"
#include "text/vocab_file.h"

static const char *const names[] = {"command-r", "deepseek-llm", "gpt-2",    "llama-bpe",
                                    "llama-spm", "mpt",          "phi-3",    "qwen2",
                                    "qwen35",    "refact",       "starcoder"};

static const char *folder(void)
{
    const char *shared = getenv("MOAT_SHARED");
    return shared ? shared : "../shared";
}

/* The compressed file's content in a temporary one, opened. */
static struct vocab_file unpack(const char *name)
{
    char path[512], copy[] = "/tmp/moat-round-trip-XXXXXX";
    snprintf(path, sizeof path, "%s/conformance/tokenizers/ggml-vocab-%s.gguf.xz", folder(), name);
    struct archive *a = archive_read_new();
    struct archive_entry *entry;
    int fd = mkstemp(copy);
    assert_true(fd >= 0);
    archive_read_support_filter_xz(a);
    archive_read_support_format_raw(a);
    assert_int_equal(archive_read_open_filename(a, path, 1 << 16), ARCHIVE_OK);
    assert_int_equal(archive_read_next_header(a, &entry), ARCHIVE_OK);
    assert_int_equal(archive_read_data_into_fd(a, fd), ARCHIVE_OK);
    archive_read_free(a);
    close(fd);
    struct err e = {0};
    struct vocab_file f = {.g = gguf_open(copy, &e)};
    f.v = f.g ? vocab_new(f.g, &e) : NULL;
    unlink(copy);
    if (!f.v)
        fail_msg("%s: %s", name, e.msg);
    return f;
}

static void round_trip(const struct vocab *v, const char *name, struct str text)
{
    struct tokens ids = {0};
    struct err e = {0};
    struct buf out;
    struct detok d;
    buf_init(&out, LIMIT_TEXT_BYTES);
    assert_true(tokenize(v, text, false, false, &ids, &e));
    detok_init(&d, v, true);
    for (size_t i = 0; i < ids.n; i++)
        detok_push(&d, ids.id[i], &out);
    detok_flush(&d, &out);
    if (!str_eq(buf_view(&out), text))
        fail_msg("%s: '%.*s' came back as '%.*s'", name, STR_ARG(text), STR_ARG(buf_view(&out)));
    tokens_clear(&ids);
    buf_clear(&out);
}

static size_t each_line(const struct vocab *v, const char *name)
{
    char path[512];
    json_error_t why;
    snprintf(path, sizeof path, "%s/conformance/tokenizers/%s.lines.json", folder(), name);
    json_t *lines = json_load_file(path, JSON_ALLOW_NUL, &why), *line;
    size_t i, n = json_array_size(lines);
    json_array_foreach(lines, i, line)
    {
        const json_t *text = json_object_get(line, "text");
        round_trip(v, name, (struct str){json_string_value(text), json_string_length(text)});
    }
    json_decref(lines);
    return n;
}

static size_t each_piece(const struct vocab *v, const char *name)
{
    static const char between[] = "\n__ggml_vocab_test__\n";
    char path[512];
    struct buf all;
    struct err e = {0};
    size_t n = 0, at;
    buf_init(&all, LIMIT_TEXT_BYTES);
    snprintf(path, sizeof path, "%s/conformance/tokenizers/ggml-vocab-%s.gguf.inp", folder(), name);
    assert_true(buf_read_file(&all, path, &e));
    struct str rest = buf_view(&all);
    for (; (at = str_find(rest, STR(between))) != SIZE_MAX; n++) {
        round_trip(v, name, str_sub(rest, 0, at));
        rest = str_sub(rest, at + sizeof between - 1, rest.n);
    }
    buf_clear(&all);
    return n;
}

static void test_round_trip(void **unused)
{
    (void)unused;
    if (access(folder(), R_OK) != 0)
        skip();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct vocab_file f = unpack(names[i]);
        assert_int_equal(each_line(f.v, names[i]), 159);
        assert_true(each_piece(f.v, names[i]) >= 45);
        uint64_t seed = i + 1;
        for (int k = 0; k < 200; k++) {
            struct buf text;
            buf_init(&text, 1 << 16);
            random_text(&text, &seed, (size_t)k);
            round_trip(f.v, names[i], buf_view(&text));
            buf_clear(&text);
        }
        vocab_file_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
