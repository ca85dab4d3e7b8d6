/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes what moat convert reads beside the weights. The input is cut at bytes 0x1e into
 * config.json, tokenizer.json, tokenizer_config.json, tokenizer.model and vocab.txt of a folder
 * with one small safetensors file; a file that comes out is one that the reader accepts. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gguf/gguf.h"
#include "lab/convert.h"

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

static char folder[64];

static void put(const char *name, const void *p, size_t n)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    must(fd >= 0 && write(fd, p, n) == (ssize_t)n);
    close(fd);
}

static void absent(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
}

static void make_folder(void)
{
    static const char head[] = "{\"model.embed_tokens.weight\":{\"dtype\":\"F32\",\"shape\":[8,2],"
                               "\"data_offsets\":[0,64]}}";
    char file[8 + sizeof head - 1 + 64] = {0};
    uint64_t size = sizeof head - 1;
    snprintf(folder, sizeof folder, "/tmp/moat-fuzz-%d", (int)getpid());
    must(mkdir(folder, 0700) == 0 || access(folder, W_OK) == 0);
    memcpy(file, &size, 8);
    memcpy(file + 8, head, sizeof head - 1);
    put("model.safetensors", file, sizeof file);
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
    static const char *const names[] = {"config.json", "tokenizer.json", "tokenizer_config.json",
                                        "tokenizer.model", "vocab.txt"};
    struct convert_result r;
    struct err e = {0};
    char out[128];
    if (!folder[0])
        make_folder();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const unsigned char *end = n ? memchr(p, 0x1e, n) : NULL;
        size_t part = end ? (size_t)(end - p) : n;
        if (part)
            put(names[i], p, part);
        else
            absent(names[i]);
        p += part + (end != NULL);
        n -= part + (end != NULL);
    }
    snprintf(out, sizeof out, "%s/out.gguf", folder);
    struct convert_options o = {.folder = folder, .out = out, .as_stored = true};
    if (!convert_model(&o, &r, &e)) {
        must(e.msg[0]);
        return 0;
    }
    struct gguf *g = gguf_open(out, &e);
    must(g);
    gguf_close(g);
    return 0;
}
