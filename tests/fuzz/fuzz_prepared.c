/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the text of a submitted job, with a small model that has a vocabulary and a chat template:
 * whatever it asks for, it is ready to be computed, answered already, or refused in a sentence that
 * can be told on the line. Runs in the root of the tree, for its model. */
#include "compute/kv_type.h"
#include "run/prepared.h"

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

static struct loaded *the_model(void)
{
    static struct loaded l;
    struct settings s;
    struct memplan plan;
    struct err e;
    if (l.f)
        return &l;
    struct load_options o = {.threads = 1, .kv = KV_F16, .grammar = true};
    struct packed_params pack = {.path = NULL};
    o.pack = &pack;
    settings_init(&s);
    s.context_window = 256;
    struct gguf *g = gguf_open("tests/data/arch/llama.gguf", &e);
    must(g && loaded_open(&l, g, &s, &o, &plan, &e));
    settings_clear(&s);
    return &l;
}

static void check_error(const struct prepared *p)
{
    struct buf out;
    struct job_reader r;
    struct job_message m;
    struct job_error back;
    struct err e;
    bool got = false;
    must(p->error.err.msg[0]);
    buf_init(&out, 1u << 16);
    job_put_error(&out, p->id, &p->error);
    job_reader_init(&r, false);
    must(!out.bad && job_feed(&r, out.p, out.n, &e) && job_next(&r, &m, &got, &e) && got);
    must(job_error(&m, &back, &e) && back.err.code == p->error.err.code);
    job_reader_clear(&r);
    buf_clear(&out);
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
    struct settings base;
    struct err e;
    struct loaded *l = the_model();
    settings_init(&base);
    struct prepared *job = prepared_new(l, &base, 1, (struct str){(const char *)p, n}, 1, &e);
    must(job);
    if (job->error.err.code != ERR_NONE) {
        must(job->task == PREPARED_DONE && !job->result);
        check_error(job);
    } else if (job->task == PREPARED_DONE) {
        must(job->result);
    } else {
        must(job->prompt.n > 0 && job->prompt.n < loaded_context(l));
        for (size_t i = 0; i < job->prompt.n; i++)
            must(job->prompt.id[i] < l->vocab->n_tokens);
    }
    prepared_free(job);
    settings_clear(&base);
    return 0;
}
