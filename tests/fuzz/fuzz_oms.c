/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes guard/oms: bundles, whose signature is checked with a key and a certificate that have
 * signed some of the corpus, and statements. What is taken must hold: every name is inside a folder
 * and is found, digests are as many as the files say. */
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "guard/oms_private.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

static const char key[] = "-----BEGIN PUBLIC KEY-----\n"
                          "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEVAmGgi87/PbTeYOycYJn1hEChIYf\n"
                          "WAoVwYku3WRmi3radWT7GttIdBZUZfqsYeY9ZE+OV4W8Lwaq5RZa+f5F9Q==\n"
                          "-----END PUBLIC KEY-----\n";
static const char root[] = "-----BEGIN CERTIFICATE-----\n"
                           "MIIBfzCCASWgAwIBAgIUSAfvfBMzflJEYL70Xosnp49ZIHowCgYIKoZIzj0EAwIw\n"
                           "HjENMAsGA1UECgwEVGVzdDENMAsGA1UEAwwEcm9vdDAgFw0yNjExMjgxNTA0MDVa\n"
                           "GA8yMTI2MTEwNDE1MDQwNVowHjENMAsGA1UECgwEVGVzdDENMAsGA1UEAwwEcm9v\n"
                           "dDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABFUKFw1ab+gAjGVqBG0tvXhzzprJ\n"
                           "ffljf22tSGO6aIZnvQKkZWRa5G24YFkyijJgzkGa4XSqqXMhhDR4zOEfDpujPzA9\n"
                           "MA8GA1UdEwEB/wQFMAMBAf8wCwYDVR0PBAQDAgIEMB0GA1UdDgQWBBS2sSGYeeww\n"
                           "SJ+o/4/CfmNMKav4YzAKBggqhkjOPQQDAgNIADBFAiBs3leHuiEPNlzB/YI5If/z\n"
                           "Nq3i6pY4459OzEA4lj3YjwIhAO23jiRKREhgMPnR2zlHZjDjJzozj8iVfSQMaFwL\n"
                           "0CoQ\n"
                           "-----END CERTIFICATE-----\n";

static char key_path[64], root_path[64];

static void keep(struct str text, char path[64])
{
    struct err e;
    int fd = os_memory_file(text, &e);
    must(fd >= 0);
    snprintf(path, 64, "/proc/self/fd/%d", fd);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    keep(STR(key), key_path);
    keep(STR(root), root_path);
    return 0;
}

static void check_list(const struct oms_list *l)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++) {
        const struct oms_file *f = &l->file[i];
        must(f->name[0] && f->name[0] != '/' && strncmp(f->name, "../", 3) != 0 &&
             !strstr(f->name, "/../"));
        must(oms_find(l, f->name) == f && f->first == n && f->n > 0);
        must(oms_is(l, f, l->digest + n * l->digest_bytes, f->n));
        n += f->n;
    }
    must(l->n > 0 && n == l->n_digest && !oms_find(l, "/"));
}

static void try_list(struct str text)
{
    struct oms_list l = {0};
    struct err e = {0};
    if (oms_list_parse(&l, text, &e))
        check_list(&l);
    else
        must(e.code != ERR_NONE && e.msg[0]);
    oms_clear(&l);
}

static void try_bundle(struct str text)
{
    struct oms_bundle b;
    struct err e = {0};
    char signer[OMS_SIGNER];
    const struct oms_trust by_key = {.public_key = key_path},
                           by_root = {.certificate = {root_path}, .n_certificate = 1};
    if (!oms_bundle_parse(&b, text, &e)) {
        must(e.code != ERR_NONE && e.msg[0]);
        return;
    }
    must(oms_verify(&b, b.n_chain ? &by_root : &by_key, signer, &e) || e.msg[0]);
    must(!oms_verify(&b, b.n_chain ? &by_key : &by_root, signer, &e));
    try_list((struct str){(const char *)b.payload.p, b.payload.n});
    oms_bundle_clear(&b);
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
    struct str text = {(const char *)p, n};
    try_bundle(text);
    try_list(text);
    return 0;
}
