/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes guard/policy: a document as somebody could have signed it. What is taken reads the same
 * when it was written, and what it allows is on it, for this use and at this time. */
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "guard/policy.h"

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

static void ask(const struct policy *p, const struct policy_model *m)
{
    static const int64_t times[] = {0, 1790000000, 4102444800};
    struct err e = {0};
    for (int use = POLICY_MODEL; use <= POLICY_DRAFT; use++)
        for (size_t t = 0; t < sizeof times / sizeof *times; t++) {
            const struct policy_model *found =
                policy_allows(p, &m->tree, m->name, (enum policy_use)use, times[t], &e);
            if (!found)
                must(e.msg[0]);
            else
                must(hash_eq(&found->tree, &m->tree) && found->uses & (unsigned)use &&
                     (!found->not_before || found->not_before <= times[t]) &&
                     (!found->not_after || times[t] <= found->not_after));
        }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct policy p = {0}, back = {0};
    struct err e = {0};
    struct buf out;
    buf_init(&out, LIMIT_JSON_BYTES);
    if (!policy_parse(&p, (struct str){(const char *)data, n}, "fuzz", &e)) {
        must(e.msg[0]);
    } else {
        must(p.n <= POLICY_MODELS && p.needed >= 1 && p.needed <= p.n_key);
        json_t *j = policy_to_json(&p);
        must(j && json_write(j, 0, &out, &e) && policy_parse(&back, buf_view(&out), "again", &e));
        must(back.n == p.n && back.n_key == p.n_key && back.terms.version == p.terms.version);
        json_decref(j);
        for (size_t i = 0; i < p.n && i < 8; i++)
            ask(&p, &p.v[i]);
    }
    policy_clear(&p);
    policy_clear(&back);
    buf_clear(&out);
    return 0;
}
