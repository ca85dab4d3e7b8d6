/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes Modelfiles, as text and as JSON, with what their parameters become. */
#include "run/settings_ollama.h"
#include "store/modelfile.h"

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
    struct modelfile m;
    struct err e = {0};
    if (!modelfile_parse(&m, (struct str){(const char *)p, n}, "fuzz", &e)) {
        must(e.msg[0]);
        return 0;
    }
    must(m.from && m.from[0] && json_is_array(m.opening));
    json_t *settings = json_object();
    e = (struct err){0};
    if (!settings_from_ollama(m.parameters, settings, m.ignored, &e))
        must(e.msg[0]);
    json_decref(settings);
    modelfile_clear(&m);
    return 0;
}
