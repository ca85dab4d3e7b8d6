/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes serve/webui: any header that lists words, any name of a part of the page. */
#include <string.h>

#include "base/err.h"
#include "serve/webui.h"

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
    struct str text = {(const char *)p, n};
    const struct webui_asset *a = webui_find(text);
    must(!a || str_is(text, a->name));
    if (webui_takes(text, "gzip"))
        must(n >= strlen("gzip"));
    (void)webui_takes(text, "text/html");
    return 0;
}
