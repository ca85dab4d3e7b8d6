/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes files of signatures and public keys: what is taken prints as what is taken again. */
#include <string.h>

#include "guard/sign.h"

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
    struct str text = {(const char *)p, n};
    struct sign_set s, again;
    struct sign_key k, same;
    struct err e = {0};
    char printed[SIGN_TEXT];
    if (sign_set_parse(&s, text, "fuzz", &e)) {
        struct buf out;
        buf_init(&out, SIGN_FILE);
        must(sign_set_print(&s, &out, NULL));
        must(sign_set_parse(&again, buf_view(&out), "fuzz", NULL) && again.n == s.n);
        must(strcmp(s.type, again.type) == 0 && memcmp(s.v, again.v, sizeof s.v) == 0);
        must(!sign_check(&s, SIGN_CATALOG, text, &(struct sign_trust){0}, &e));
        buf_clear(&out);
    }
    must(e.code == ERR_NONE || e.msg[0]);
    if (sign_key_parse(&k, text, &e)) {
        sign_key_text(&k, printed);
        must(sign_key_parse(&same, str_of(printed), NULL) && strcmp(k.id, same.id) == 0);
    }
    return 0;
}
