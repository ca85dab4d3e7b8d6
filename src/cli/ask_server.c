/* SPDX-License-Identifier: Apache-2.0 */
/* cli/ask_server: see ask_server.h. */
#include "cli/ask_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/config_opts.h"
#include "cli/interrupt.h"
#include "cli/pull_opts.h"
#include "fetch/role.h"

#define WAIT_S 20 /* for a piece of the answer */

static bool no_server(const char *where, const char *why, struct err *e)
{
    return fail(e, ERR_NETWORK,
                "no server answers at %s (%s): is moat serve running? --at ADDRESS says where",
                where, why);
}

/* --- where ---------------------------------------------------------------------------------------
 */

static bool is_socket(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

static bool is_unix(const char *address)
{
    return strncmp(address, "unix:", 5) == 0;
}

/* The URL of an address to listen at; of all of this machine's, the one that never leaves it. */
static bool url_of(const char *text, char out[LIMIT_URL_BYTES], struct err *e)
{
    struct listen_address a;
    char host[INET6_ADDRSTRLEN] = "";
    if (!listen_parse(str_of(text), &a, e))
        return false;
    bool v4 = a.sa.any.sa_family == AF_INET;
    const void *from = v4 ? (const void *)&a.sa.v4.sin_addr : (const void *)&a.sa.v6.sin6_addr;
    unsigned port = ntohs(v4 ? a.sa.v4.sin_port : a.sa.v6.sin6_port);
    bool any = v4 ? a.sa.v4.sin_addr.s_addr == htonl(INADDR_ANY)
                  : IN6_IS_ADDR_UNSPECIFIED(&a.sa.v6.sin6_addr);
    if (any)
        snprintf(host, sizeof host, "%s", v4 ? "127.0.0.1" : "::1");
    else
        inet_ntop(a.sa.any.sa_family, from, host, sizeof host);
    snprintf(out, LIMIT_URL_BYTES, v4 ? "%s://%s:%u" : "%s://[%s]:%u", a.tls ? "https" : "http",
             host, port);
    return true;
}

static bool choose(const struct config *c, char out[LIMIT_URL_BYTES], struct err *e)
{
    const char *tcp = NULL;
    for (uint32_t i = 0; i < c->listen.n; i++) {
        const char *text = c->listen.v[i];
        if (is_unix(text) && is_socket(text + 5)) {
            snprintf(out, LIMIT_URL_BYTES, "%s", text);
            return true;
        }
        tcp = tcp || is_unix(text) ? tcp : text;
    }
    if (tcp)
        return url_of(tcp, out, e);
    return no_server(c->listen.n ? c->listen.v[0] : "?", strerror(ENOENT), e);
}

static bool find(const struct ask_server *q, char out[LIMIT_URL_BYTES], struct err *e)
{
    struct config c;
    if (q->at) {
        if (!is_unix(q->at) && !url_is(q->at))
            return fail(e, ERR_USAGE, "--at: expected unix:PATH or a URL, not \"%s\"", q->at);
        snprintf(out, LIMIT_URL_BYTES, "%s", q->at);
        for (size_t n = strlen(out); n && out[n - 1] == '/' && !is_unix(out); n--)
            out[n - 1] = '\0';
        return true;
    }
    config_init(&c);
    bool ok = config_load(&c, q->config, e) && config_opts_listen(&c, e) && choose(&c, out, e);
    config_clear(&c);
    return ok;
}

/* --- over HTTP -----------------------------------------------------------------------------------
 */

/* What is for this machine does not go through a proxy. */
static bool is_here(const char *url)
{
    static const char *const hosts[] = {"://127.", "://localhost", "://[::1]"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        if (strstr(url, hosts[i]))
            return true;
    return false;
}

static bool read_body(struct server_answer *a, struct str text, struct err *e)
{
    a->body = json_parse(text, "answer", NULL);
    return json_is_object(a->body) ||
           fail(e, ERR_NETWORK, "what answers at %s is no moat serve", a->where);
}

static bool call(const struct fetch_job *job, struct server_answer *a, struct err *e)
{
    struct document d = {0};
    struct event last;
    interrupt_begin();
    bool ok = fetch_call(job, -1, -1, interrupt_flag(), NULL, NULL, &last, &d, e);
    interrupt_end();
    a->status = d.status;
    if (!ok && e->code == ERR_NETWORK && d.status == 0) {
        struct err why = *e;
        no_server(a->where, why.msg, e);
    }
    ok = ok && read_body(a, buf_view(&d.body), e);
    buf_clear(&d.body);
    return ok;
}

static void describe(struct fetch_job *job, const char *address, const char *text)
{
    *job = (struct fetch_job){.url = {address},
                              .n_url = 1,
                              .document = true,
                              .connections = 1,
                              .retries = 1,
                              .stall_s = WAIT_S,
                              .method = text ? "POST" : NULL,
                              .type = text ? "application/json" : NULL,
                              .text = text};
}

static bool ask_url(const struct ask_server *q, const char *path, const char *text,
                    struct server_answer *a, struct fetch_job *job, struct err *e)
{
    struct url u;
    struct pull_options given = {.token_file = q->token_file};
    char address[LIMIT_URL_BYTES + 64];
    snprintf(address, sizeof address, "%s%s", a->where, path);
    describe(job, address, text);
    job->proxy = is_here(address) ? "" : NULL;
    job->ca = fetch_private_ca();
    return url_parse(&u, a->where, e) && pull_auth(&given, &u, job, e) && call(job, a, e);
}

/* --- over its socket -----------------------------------------------------------------------------
 */

/* Whose socket it is, so is what listens there: who may make one in that folder may end it. */
static bool ask_socket(const char *path, const char *text, struct server_answer *a,
                       struct fetch_job *job, struct err *e)
{
    char address[LIMIT_URL_BYTES + 64];
    struct stat st;
    const char *file = a->where + 5;
    if (strlen(file) >= sizeof((struct sockaddr_un *)NULL)->sun_path)
        return fail(e, ERR_USAGE, "--at: the path of the socket is too long");
    if (stat(file, &st) != 0)
        return no_server(a->where, strerror(errno), e);
    if (!S_ISSOCK(st.st_mode))
        return no_server(a->where, strerror(ENOTSOCK), e);
    snprintf(address, sizeof address, "http://localhost%s", path);
    describe(job, address, text);
    job->proxy = "";
    job->socket = file;
    a->local = true;
    a->uid = st.st_uid;
    return call(job, a, e);
}

bool ask_server(const struct ask_server *q, const char *path, const char *text,
                struct server_answer *a, struct err *e)
{
    *a = (struct server_answer){0};
    if (!fetch_is_built_in())
        return fail(e, ERR_UNSUPPORTED,
                    "this is the air-gap build of moat, which connects to nothing, not even to a "
                    "server of this machine; ask it by another program, for example curl "
                    "--unix-socket PATH http://localhost%s",
                    path);
    struct fetch_job *job = mem_new(1, sizeof *job, e);
    bool ok =
        job && find(q, a->where, e) &&
        (is_unix(a->where) ? ask_socket(path, text, a, job, e) : ask_url(q, path, text, a, job, e));
    mem_free(job);
    return ok;
}

void server_answer_clear(struct server_answer *a)
{
    json_decref(a->body);
    a->body = NULL;
}

bool server_answer_good(const struct server_answer *a, struct err *e)
{
    const json_t *error = json_object_get(a->body, "error");
    const char *why =
        json_string_value(json_is_object(error) ? json_object_get(error, "message") : error);
    if (a->status == 200)
        return true;
    if (a->status == 401)
        return fail(e, ERR_UNAUTHORISED, "%s asks for a key: give its file with --token-file",
                    a->where);
    return fail(e, a->status == 404 ? ERR_NOT_FOUND : ERR_NETWORK, "%s: %s", a->where,
                why ? why : "?");
}
