/* SPDX-License-Identifier: Apache-2.0 */
/* lab/machine: see machine.h. */
#include "lab/machine.h"

#include "base/mem.h"
#include "base/os.h"

#define READ_BYTES   (1ull << 30)
#define CHUNK_BYTES  (1u << 20)
#define LINE_WORDS   8u /* a cache line of 64 bytes */
#define ROUNDS       4
#define PEAK_RUNS    5
#define PEAK_SECONDS 0.02
#define RESERVE      (512ull << 20) /* left to the rest of the machine */

static const struct variant {
    uint32_t ahead; /* bytes, 0: no prefetch */
    bool near_core; /* into the first-level cache, else the second */
} variants[] = {{0, false},    {1024, true},  {2048, true}, {2048, false},
                {4096, false}, {8192, false}, {4096, true}};

struct reading {
    struct workers *team;
    uint64_t *words;
    uint32_t n_chunks;
    struct variant v;
    _Alignas(64) volatile uint64_t sink; /* so that no compiler drops the loads */
};

static void fill(void *arg, uint32_t id)
{
    struct reading *r = arg;
    uint32_t c;
    while (workers_next(r->team, id, r->n_chunks, &c)) {
        uint64_t *p = r->words + (size_t)c * (CHUNK_BYTES / sizeof *p);
        for (size_t i = 0; i < CHUNK_BYTES / sizeof *p; i++)
            p[i] = i * 0x9e3779b97f4a7c15u + c;
    }
}

/* Constant arguments: each variant becomes a loop of its own. */
static inline uint64_t sum_chunk(const uint64_t *p, uint32_t ahead, bool near_core)
{
    uint64_t lane[LINE_WORDS] = {0}, sum = 0;
    for (size_t i = 0; i < CHUNK_BYTES / sizeof *p; i += LINE_WORDS) {
        if (ahead && near_core)
            __builtin_prefetch(p + i + ahead / sizeof *p, 0, 3);
        else if (ahead)
            __builtin_prefetch(p + i + ahead / sizeof *p, 0, 2);
        for (uint32_t j = 0; j < LINE_WORDS; j++)
            lane[j] += p[i + j];
    }
    for (uint32_t j = 0; j < LINE_WORDS; j++)
        sum += lane[j];
    return sum;
}

static void read_all(void *arg, uint32_t id)
{
    struct reading *r = arg;
    uint64_t sum = 0;
    uint32_t c;
    while (workers_next(r->team, id, r->n_chunks, &c)) {
        const uint64_t *p = r->words + (size_t)c * (CHUNK_BYTES / sizeof *p);
        if (r->v.ahead == 0)
            sum += sum_chunk(p, 0, false);
        else if (r->v.near_core)
            sum += sum_chunk(p, r->v.ahead, true);
        else
            sum += sum_chunk(p, r->v.ahead, false);
    }
    if (sum == 0) /* never, but the compiler does not know */
        r->sink = sum;
}

static double time_reading(struct reading *r)
{
    uint64_t t0 = os_now_ns();
    workers_run(r->team, read_all, r);
    return (double)READ_BYTES / ((double)(os_now_ns() - t0) * 1e-9);
}

bool machine_measure_reads(struct machine_reads *m, struct workers *team, struct err *e)
{
    struct reading r = {.team = team, .n_chunks = READ_BYTES / CHUNK_BYTES};
    *m = (struct machine_reads){.bytes = READ_BYTES};
    if (os_memory_free() < READ_BYTES + RESERVE)
        return fail(e, ERR_LIMIT, "measuring memory takes %llu MiB, and there are only %llu",
                    (unsigned long long)((READ_BYTES + RESERVE) >> 20),
                    (unsigned long long)(os_memory_free() >> 20));
    if (!(r.words = mem_new_lazy(READ_BYTES, 1, e)))
        return false;
    os_use_large_pages(r.words, READ_BYTES);
    workers_run(team, fill, &r);
    for (int round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
            r.v = variants[i];
            double rate = time_reading(&r), *best = r.v.ahead ? &m->prefetching : &m->plain;
            *best = rate > *best ? rate : *best;
        }
    mem_free_lazy(r.words, READ_BYTES, 1);
    return true;
}

struct peak {
    const struct forward *f;
    enum arithmetic kind;
    uint64_t rounds;
    _Atomic uint64_t macs;
};

static void run_peak(void *arg, uint32_t id)
{
    struct peak *p = arg;
    float *scratch = p->f->scratch + id * p->f->scratch_floats;
    for (size_t i = 0; i < p->f->scratch_floats; i++)
        scratch[i] = 0.5f;
    workers_barrier(p->f->workers, id);
    p->macs += p->f->kernels->peak(p->kind, p->rounds, scratch);
}

/* Rounds double until they take long enough. */
static double peak_rate(const struct forward *f, enum arithmetic kind)
{
    struct peak p = {.f = f, .kind = kind, .rounds = 1 << 12};
    double best = 0;
    for (int runs = 0; runs < PEAK_RUNS;) {
        p.macs = 0;
        uint64_t t0 = os_now_ns();
        workers_run(f->workers, run_peak, &p);
        double seconds = (double)(os_now_ns() - t0) * 1e-9, rate = (double)p.macs / seconds;
        if (p.macs == 0)
            return 0;
        best = rate > best ? rate : best;
        if (seconds < PEAK_SECONDS)
            p.rounds *= 2;
        else
            runs++;
    }
    return best;
}

void machine_measure_macs(struct machine_macs *m, const struct forward *f)
{
    *m = (struct machine_macs){0};
    for (enum arithmetic kind = 0; f->kernels->peak && kind < ARITHMETICS; kind++)
        m->rate[kind] = peak_rate(f, kind);
}
