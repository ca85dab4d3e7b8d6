/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes guard/policy: a policy that is taken prints as one that says the same, and every model of
 * it is found by its tree; what is not taken has a reason. */
#include <string.h>

#include "base/json.h"
#include "guard/policy.h"

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

static void same(const struct policy *a, const struct policy *b)
{
    must(a->n == b->n && a->n_key == b->n_key && a->needed == b->needed);
    must(memcmp(&a->terms, &b->terms, sizeof a->terms) == 0);
    must(memcmp(a->key, b->key, a->n_key * sizeof *a->key) == 0);
    for (size_t i = 0; i < a->n; i++)
        must(hash_eq(&a->v[i].tree, &b->v[i].tree) && hash_eq(&a->v[i].sha256, &b->v[i].sha256) &&
             a->v[i].size == b->v[i].size && a->v[i].uses == b->v[i].uses &&
             a->v[i].n_pack == b->v[i].n_pack && a->v[i].not_after == b->v[i].not_after &&
             strcmp(a->v[i].name, b->v[i].name) == 0);
}

static void check(const struct policy *p)
{
    struct policy again;
    struct buf text;
    struct err e = {0};
    json_t *j = policy_to_json(p);
    buf_init(&text, 2 * POLICY_BYTES);
    must(j && json_write(j, 0, &text, &e));
    must(policy_parse(&again, buf_view(&text), "again", &e));
    same(p, &again);
    for (size_t i = 0; i < p->n && i < 8; i++) {
        const struct policy_model *m =
            policy_allows(p, &p->v[i].tree, "x", POLICY_MODEL, p->v[i].not_before, &e);
        must(m ? hash_eq(&m->tree, &p->v[i].tree) && m->uses & POLICY_MODEL : e.msg[0]);
    }
    policy_clear(&again);
    buf_clear(&text);
    json_decref(j);
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
    struct policy policy;
    struct err e = {0};
    if (policy_parse(&policy, (struct str){(const char *)p, n}, "fuzz", &e))
        check(&policy);
    else
        must(e.code != ERR_NONE && e.msg[0] && !policy.v);
    policy_clear(&policy);
    return 0;
}
