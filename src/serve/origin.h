/* SPDX-License-Identifier: Apache-2.0 */
/* serve/origin: is a request one of this machine, or did a web page of somewhere else send it?
 *
 * A page that the user looks at can make the browser send requests to 127.0.0.1 (with its own
 * Origin), and its host name can be made to mean 127.0.0.1 (with its own name in Host). So over TCP
 * Host must be localhost, a name below it or a loopback address; and so must Origin, where there is
 * one, or be that of an editor's own pages (vscode-webview and the like have no network address).
 */
#ifndef MOAT_SERVE_ORIGIN_H
#define MOAT_SERVE_ORIGIN_H

#include "base/err.h"
#include "base/str.h"

bool origin_host_allowed(struct str host);
bool origin_allowed(struct str origin);

#endif
