/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes settings: the input as a config file, and each of its lines as KEY VALUE from a command
 * line. What is accepted must be taken by the sampler and by the stop sequences. */
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "run/settings.h"
#include "run/stop.h"

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

static void use(const struct settings *s)
{
    struct sample_params params;
    struct stop stop;
    struct err e;
    settings_sample_params(s, &params);
    struct sampler *sampler = sample_new(&params, LIMIT_VOCAB / 1024, 64, &e);
    bool outside = false; /* ids above this small vocabulary are refused, and only they */
    for (uint32_t i = 0; i < s->n_logit_bias; i++)
        outside |= s->logit_bias[i].token >= LIMIT_VOCAB / 1024;
    must((sampler != NULL) == !outside);
    sample_free(sampler);
    must(stop_init(&stop, s->stop_sequences.v, s->stop_sequences.n, &e));
    stop_clear(&stop);
}

static void read_lines(struct settings *s, struct str rest)
{
    struct str line, key;
    struct err e;
    for (int i = 0; i < 100 && str_cut(&rest, '\n', &line); i++) {
        if (!str_cut(&line, ' ', &key))
            continue;
        const struct setting *def = settings_find(key);
        if (def && !settings_set(s, def, line, &e))
            must(e.msg[0]);
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
    struct str text = {(const char *)p, n};
    struct settings s;
    struct err e = {0};
    settings_init(&s);
    json_t *j = n <= LIMIT_CONFIG_BYTES ? json_parse(text, "fuzz", &e) : NULL;
    if (j && !settings_from_json(&s, j, "fuzz", &e))
        must(e.msg[0]);
    json_decref(j);
    read_lines(&s, text);
    use(&s);
    settings_clear(&s);
    return 0;
}
