/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/url: see url.h. */
#include "fetch/url.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

bool url_is(const char *text)
{
    return strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0;
}

/* One part of a parsed address into out; false where it is absent or does not fit. */
static bool part(CURLU *h, CURLUPart what, unsigned flags, char *out, size_t cap)
{
    char *text = NULL;
    bool ok = curl_url_get(h, what, &text, flags) == CURLUE_OK && strlen(text) < cap;
    snprintf(out, cap, "%s", ok ? text : "");
    curl_free(text);
    return ok;
}

static void lower(char *text)
{
    for (; *text; text++)
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text + 32);
}

static void last_segment(const char *path, char *out, size_t cap)
{
    int n = 0;
    const char *slash = strrchr(path, '/');
    char *text = curl_easy_unescape(NULL, slash ? slash + 1 : path, 0, &n);
    snprintf(out, cap, "%s", text && strlen(text) < cap ? text : "");
    str_make_printable(out);
    curl_free(text);
}

static bool take_apart(struct url *u, CURLU *h)
{
    char scheme[16], host[512], port[16], path[LIMIT_URL_BYTES], user[256];
    if (!part(h, CURLUPART_SCHEME, 0, scheme, sizeof scheme) ||
        !part(h, CURLUPART_HOST, 0, host, sizeof host) ||
        !part(h, CURLUPART_PORT, CURLU_DEFAULT_PORT, port, sizeof port) ||
        !part(h, CURLUPART_PATH, 0, path, sizeof path) || !host[0])
        return false;
    lower(scheme);
    lower(host);
    u->tls = strcmp(scheme, "https") == 0;
    u->has_user = part(h, CURLUPART_USER, 0, user, sizeof user);
    last_segment(path, u->file, sizeof u->file);
    bool usual = strcmp(port, u->tls ? "443" : "80") == 0;
    return snprintf(u->origin, sizeof u->origin, "%s://%s:%s", scheme, host, port) <
               (int)sizeof u->origin &&
           snprintf(u->shown, sizeof u->shown, "%s://%s%s%s%s", scheme, host, usual ? "" : ":",
                    usual ? "" : port, path) < (int)sizeof u->shown;
}

bool url_parse(struct url *u, const char *text, struct err *e)
{
    *u = (struct url){0};
    CURLU *h = curl_url();
    bool ok = h && url_is(text) && strlen(text) < LIMIT_URL_BYTES &&
              curl_url_set(h, CURLUPART_URL, text, 0) == CURLUE_OK && take_apart(u, h);
    curl_url_cleanup(h);
    str_make_printable(u->shown);
    return ok || fail(e, ERR_USAGE, "this is no address of http:// or https:// that can be used");
}
