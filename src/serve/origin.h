/* SPDX-License-Identifier: Apache-2.0 */
/* serve/origin: is a request meant for this server, and may the web page that sent it?
 *
 * A page that the user looks at can make the browser send requests to 127.0.0.1 (with its own
 * Origin), and its host name can be made to mean 127.0.0.1 (with its own name in Host: DNS
 * rebinding). So over TCP:
 *
 *  (O1) Host is a name of this server: localhost, a name below it or a loopback address; the
 *       address that the connection came to; a name of the TLS certificate; or one of the
 *       configuration's allow_host. HTTP/1.0 may have none: no browser speaks it.
 *  (O2) Origin, where there is one, is that of this server's own page (the same host and port; with
 *       TLS, https); or one of the configuration's allow_origin; or, where Host is a loopback name,
 *       a page of this machine or of an editor (vscode-webview and the like have no address).
 *  (O3) Only to origins of allow_origin the browser is told that their pages may read the answer
 *       (CORS): by that origin's name, never "*", and never with credentials (cookies, and the
 *       certificate or password that a browser would send by itself). Their preflights are answered
 *       before the key is asked for, as browsers send none with them.
 */
#ifndef MOAT_SERVE_ORIGIN_H
#define MOAT_SERVE_ORIGIN_H

#include "serve/config.h"
#include "serve/exchange.h"

/* A text of a Host header: a loopback name or address, with any port? */
bool origin_host_is_loopback(struct str host);
/* (O2), where the Host has been checked. `listed`: it is one of allow_origin. */
bool origin_allowed(struct str origin, struct str host, bool tls, const struct config_list *allowed,
                    bool *listed);

/* What the configuration may say: a host name or address without a port; "https://HOST[:PORT]", or
 * http where that is a loopback name, or an editor's scheme. ERR_USAGE or ERR_DENIED says why not.
 */
bool origin_check_host(struct str text, struct err *e) MUST_USE;
bool origin_check_origin(struct str text, struct err *e) MUST_USE;

/* (O1) and (O2) of a request: 0, or 403 and why. Notes in the connection whether (O3) holds. */
int origin_check(struct conn *c, struct err *e) MUST_USE;
/* A preflight, which origin_preflight answers? */
bool origin_is_preflight(const struct conn *c);
void origin_preflight(struct exchange *x);
void origin_headers(const struct conn *c, struct buf *out); /* (O3), as lines of the head */

#endif
