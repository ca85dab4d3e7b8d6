/* SPDX-License-Identifier: Apache-2.0 */
/* cli/policy_model: see policy_model.h. */
#include "cli/policy_model.h"

#include "cli/interrupt.h"
#include "cli/open_model.h"
#include "cli/packs.h"
#include "cli/progress.h"
#include "compute/pack.h"
#include "store/leaves.h"

static bool hash_file(struct policy_model *m, const struct gguf *g, const char *name, struct err *e)
{
    struct progress bar;
    struct leaves l = {0};
    struct digest d;
    const struct store_progress progress = {interrupt_progress, &bar};
    m->size = g->file_bytes;
    progress_start(&bar, name, m->size);
    bool ok = leaves_read(&l, gguf_fd(g, 0), name, &progress, e) &&
              hash_root(l.v, l.n, &m->tree, e) && blob_hash(gguf_fd(g, 0), name, &progress, &d, e);
    progress_end(&bar);
    leaves_clear(&l);
    if (ok)
        digest_to_hash(&d, &m->sha256);
    return ok;
}

static bool hash_template(struct policy_model *m, const struct gguf *g, struct err *e)
{
    struct str text = STR("");
    return gguf_get_str(g, "tokenizer.chat_template", &text, e) &&
           (!text.n || hash_of(&text, 1, &m->template, e));
}

/* Its packed weights are the same wherever they are made, by any moat of this layout. */
static bool hash_pack(struct policy_model *m, const struct gguf *g, struct err *e)
{
    struct packs packs;
    struct packed packed = {.map.fd = -1};
    struct model *model = NULL;
    bool ok = packs_init(&packs, g, e) && (model = model_new(g, NULL, e)) &&
              packed_open_threads(&packed, model, g, &packs.params, os_cpu_count(), e);
    if (model)
        packs_done(&packs);
    if (ok && packed.state == PACKED_FILE) {
        m->pack[0].layout = R16_VERSION;
        m->pack[0].root = packed.root;
        m->n_pack = 1;
    } else if (ok && packed.notice.code) {
        ok = fail(e, packed.notice.code, "%s", packed.notice.msg);
    }
    model_free(model);
    packed_close(&packed);
    return ok;
}

bool policy_model_read(struct policy_model *m, const char *model, struct err *e)
{
    struct gguf *g = open_to_look(model, e);
    if (!g)
        return false;
    bool ok = true;
    if (g->n_splits > 1 || g->thin)
        ok = fail(e, ERR_UNSUPPORTED,
                  "%s is in several parts or kept packed only: a policy lists whole files", model);
    ok = ok && hash_file(m, g, model, e) && hash_template(m, g, e) && hash_pack(m, g, e);
    gguf_close(g);
    return ok;
}
