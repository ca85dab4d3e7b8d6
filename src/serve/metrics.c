/* SPDX-License-Identifier: Apache-2.0 */
/* serve/metrics: GET /metrics, in the text format of Prometheus (version 0.0.4).
 *
 * All of it is there when it is asked for: what the front counts (serve/stats), and what the
 * engines told last of themselves. */
#include <string.h>

#include "base/os.h"
#include "serve/dialects.h"
#include "serve/loop.h"
#include "serve/reply.h"
#include "serve/room.h"

#define METRICS_MOST (32u << 20)

/* --- the format ----------------------------------------------------------------------------------
 */

static void family(struct buf *out, const char *name, const char *kind, const char *help)
{
    buf_fmt(out, "# HELP moat_%s %s\n# TYPE moat_%s %s\n", name, help, name, kind);
}

static void text(struct buf *out, const char *value)
{
    for (const char *p = value; *p; p++) {
        if (*p == '"' || *p == '\\')
            buf_byte(out, '\\');
        if (*p == '\n')
            buf_cstr(out, "\\n");
        else
            buf_byte(out, *p);
    }
}

static void label(struct buf *out, char before, const char *name, const char *value)
{
    buf_byte(out, before);
    buf_fmt(out, "%s=\"", name);
    text(out, value);
    buf_byte(out, '"');
}

static void number(struct buf *out, double value)
{
    buf_fmt(out, " %.17g\n", value);
}

static void single(struct buf *out, const char *name, const char *kind, const char *help,
                   double value)
{
    family(out, name, kind, help);
    buf_fmt(out, "moat_%s", name);
    number(out, value);
}

/* --- of models and keys --------------------------------------------------------------------------
 */

static void of_series(struct buf *out, const char *name, const char *ending,
                      const struct stats_series *s)
{
    buf_fmt(out, "moat_%s%s", name, ending);
    label(out, '{', "model", s->model);
    label(out, ',', "key", s->key);
}

static void add_counts(struct buf *out, const struct stats *s)
{
    static const char *const rows[STATS_COUNTS][2] = {
        [STATS_PROMPT] = {"prompt_tokens_total", "Tokens of prompts."},
        [STATS_CACHED] = {"prompt_tokens_cached_total",
                          "Tokens of prompts that were computed before."},
        [STATS_GENERATED] = {"tokens_generated_total", "Tokens of answers."},
        [STATS_GUESSED] = {"tokens_guessed_total", "Tokens of answers guessed ahead."},
        [STATS_RIGHT] = {"tokens_guessed_right_total", "Those of them that held."}};
    for (int i = 0; i < STATS_COUNTS; i++) {
        family(out, rows[i][0], "counter", rows[i][1]);
        for (size_t j = 0; j < s->n_series; j++) {
            of_series(out, rows[i][0], "", &s->series[j]);
            buf_byte(out, '}');
            number(out, (double)s->series[j].count[i]);
        }
    }
}

static void add_histogram(struct buf *out, const char *name, const struct stats_series *s,
                          const struct histogram *h)
{
    uint64_t sum = 0;
    for (int i = 0; i < STATS_BUCKETS; i++) {
        sum += h->n[i];
        of_series(out, name, "_bucket", s);
        if (i < STATS_BUCKETS - 1)
            buf_fmt(out, ",le=\"%g\"}", stats_bounds[i]);
        else
            buf_cstr(out, ",le=\"+Inf\"}");
        number(out, (double)sum);
    }
    of_series(out, name, "_sum", s);
    buf_byte(out, '}');
    number(out, h->sum);
    of_series(out, name, "_count", s);
    buf_byte(out, '}');
    number(out, (double)sum);
}

static void add_times(struct buf *out, const struct stats *s)
{
    static const char *const rows[STATS_TIMES][2] = {
        [STATS_QUEUE] = {"queue_seconds", "Time until work on an answer began."},
        [STATS_FIRST_TOKEN] = {"time_to_first_token_seconds",
                               "Time from a request to the first text of its answer."},
        [STATS_BETWEEN] = {"inter_token_seconds", "Time from a token of an answer to the next."},
        [STATS_REQUEST] = {"request_seconds", "Time from a request to the end of its answer."}};
    for (int i = 0; i < STATS_TIMES; i++) {
        family(out, rows[i][0], "histogram", rows[i][1]);
        for (size_t j = 0; j < s->n_series; j++)
            add_histogram(out, rows[i][0], &s->series[j], &s->series[j].time[i]);
    }
}

/* --- of requests ---------------------------------------------------------------------------------
 */

static void add_replies(struct buf *out, const struct stats *s)
{
    family(out, "requests_total", "counter", "Requests by route and status; 499: its client left.");
    for (size_t i = 0; i < s->n_replies; i++) {
        buf_cstr(out, "moat_requests_total");
        label(out, '{', "method", s->replies[i].method);
        label(out, ',', "route", s->replies[i].route);
        buf_fmt(out, ",status=\"%d\"}", s->replies[i].status);
        number(out, (double)s->replies[i].n);
    }
    family(out, "requests_rejected_total", "counter",
           "Requests refused for want of room, of a key or of the right to it.");
    for (uint32_t i = 0; i < s->n_rejected; i++) {
        buf_cstr(out, "moat_requests_rejected_total");
        label(out, '{', "reason", s->rejected[i].why);
        buf_byte(out, '}');
        number(out, (double)s->rejected[i].n);
    }
}

/* Their names are the clients': they stand in the log, not here. */
static void add_unknown(struct buf *out, const struct known_log *l)
{
    static const char *const dialects[KNOWN_DIALECTS] = {[DIALECT_OPENAI] = "openai",
                                                         [DIALECT_ANTHROPIC] = "anthropic",
                                                         [DIALECT_LLAMA] = "llama",
                                                         [DIALECT_OLLAMA] = "ollama"};
    family(out, "unknown_fields_total", "counter", "Fields of requests that are not known here.");
    for (int i = 0; i < KNOWN_DIALECTS; i++) {
        buf_cstr(out, "moat_unknown_fields_total");
        label(out, '{', "dialect", dialects[i]);
        buf_byte(out, '}');
        number(out, (double)l->n[i]);
    }
}

/* --- of engines ----------------------------------------------------------------------------------
 */

static double told(const struct engine_slot *e, const char *key)
{
    return json_number_value(json_object_get(e->stats, key));
}

static double blocks(const struct engine_slot *e)
{
    return told(e, "kv_blocks");
}

static double blocks_used(const struct engine_slot *e)
{
    return told(e, "kv_blocks") - told(e, "kv_free");
}

static double kept_tokens(const struct engine_slot *e)
{
    return told(e, "kept_tokens");
}

static double running(const struct engine_slot *e)
{
    return told(e, "n_running");
}

static double waiting(const struct engine_slot *e)
{
    return told(e, "n_waiting");
}

static double loading(const struct engine_slot *e)
{
    return e->n_waiting;
}

static double loaded(const struct engine_slot *e)
{
    return e->state == ENGINE_READY;
}

static double loads(const struct engine_slot *e)
{
    return (double)e->n_loads;
}

static double unloads(const struct engine_slot *e)
{
    return (double)e->n_unloads;
}

static double spill_told(const struct engine_slot *e, const char *key)
{
    return json_number_value(json_object_get(json_object_get(e->stats, "spill"), key));
}

static double spill_bytes(const struct engine_slot *e)
{
    return spill_told(e, "bytes");
}

static double spill_read(const struct engine_slot *e)
{
    return spill_told(e, "tokens");
}

static double spill_failed(const struct engine_slot *e)
{
    return spill_told(e, "failed");
}

static void add_engines(struct buf *out, const struct engines *es)
{
    static const struct {
        const char *name, *kind, *help;
        double (*of)(const struct engine_slot *e);
    } rows[] = {
        {"model_loaded", "gauge", "1: the model is loaded.", loaded},
        {"model_loads_total", "counter", "How often it was loaded.", loads},
        {"model_unloads_total", "counter", "How often it was unloaded.", unloads},
        {"kv_blocks", "gauge", "Blocks of its cache of keys and values.", blocks},
        {"kv_blocks_used", "gauge", "Those of them that are in use or kept.", blocks_used},
        {"kv_kept_tokens", "gauge", "Tokens of finished answers that are kept.", kept_tokens},
        {"spill_bytes", "gauge", "Of them, and of others, on disk.", spill_bytes},
        {"spill_tokens_read_total", "counter", "Tokens of prompts that came back from disk.",
         spill_read},
        {"spill_failures_total", "counter", "Sequences that could not be written or read.",
         spill_failed},
        {"jobs_running", "gauge", "Answers in the making.", running},
        {"jobs_waiting", "gauge", "Answers whose turn has not come.", waiting},
        {"requests_loading", "gauge", "Requests that wait for the model to be loaded.", loading},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        family(out, rows[i].name, rows[i].kind, rows[i].help);
        for (uint32_t j = 0; j < es->n; j++) {
            buf_fmt(out, "moat_%s", rows[i].name);
            label(out, '{', "model", es->v[j].model->id);
            buf_byte(out, '}');
            number(out, rows[i].of(&es->v[j]));
        }
    }
}

/* Planned bytes of what is loaded; those of the front are measured. */
static void add_memory(struct buf *out, const struct engines *es)
{
    const char *kind;
    json_t *bytes;
    family(out, "memory_bytes", "gauge", "Memory by what it is for.");
    for (uint32_t i = 0; i < es->n; i++) {
        const struct engine_slot *e = &es->v[i];
        json_object_foreach(e->held ? json_object_get(e->info, "memory") : NULL, kind, bytes)
        {
            if (strcmp(kind, "total") == 0)
                continue;
            buf_cstr(out, "moat_memory_bytes");
            label(out, '{', "model", e->model->id);
            label(out, ',', "kind", kind);
            buf_byte(out, '}');
            number(out, json_number_value(bytes));
        }
    }
    buf_cstr(out, "moat_memory_bytes{model=\"\",kind=\"front\"}");
    number(out, (double)os_rss_bytes());
}

/* --- the whole -----------------------------------------------------------------------------------
 */

void metrics_show(struct exchange *x)
{
    const struct server *s = x->server;
    struct buf out;
    double jobs = 0;
    buf_init(&out, METRICS_MOST);
    for (uint32_t i = 0; i < s->engines.n; i++)
        jobs += s->engines.v[i].n_jobs;
    add_counts(&out, &s->stats);
    add_times(&out, &s->stats);
    add_replies(&out, &s->stats);
    add_unknown(&out, &s->unknown);
    add_engines(&out, &s->engines);
    add_memory(&out, &s->engines);
    single(&out, "memory_budget_bytes", "gauge", "Memory for all models and their contexts.",
           (double)room_budget(&x->server->engines));
    single(&out, "prompt_seconds_total", "counter", "Time spent on prompts.", s->stats.prompt_s);
    single(&out, "decode_seconds_total", "counter", "Time spent on answers.", s->stats.decode_s);
    single(&out, "requests_live", "gauge", "Requests under way.", s->stats.n_live);
    single(&out, "jobs_live", "gauge", "Answers in the making or waiting.", jobs);
    single(&out, "connections", "gauge", "Connections of clients.", s->n_conns);
    single(&out, "request_bytes_held", "gauge", "Bodies of requests that are held.",
           (double)s->body_bytes);
    single(&out, "resident_bytes", "gauge", "Resident memory of the front.",
           (double)os_rss_bytes());
    single(&out, "up_seconds", "gauge", "Time since the front was started.",
           (double)(os_now_ns() - s->start_ns) / 1e9);
    reply_body(x, 200, "text/plain; version=0.0.4; charset=utf-8", buf_view(&out));
    buf_clear(&out);
}
