/* SPDX-License-Identifier: Apache-2.0 */
/* serve/webui: the page that a browser gets at "/", and its parts below "/web/".
 *
 * The files of web/ and three libraries are part of the program (scripts/embed-web makes the table
 * below), so nothing is read from a disk and nothing comes from elsewhere. They hold no data and
 * are given without a key; what the page then asks of the API needs one like any client's.
 *
 * Who asks for "/" without naming text/html (clients of Ollama, which look whether it runs) gets
 * ollama_root's answer.
 *
 * Guarantees, by headers: the page runs only scripts and styles of its own, connects only to this
 * server, makes DOM from text only through its sanitiser (trusted types), is framed by nobody, and
 * tells no other site its address. */
#ifndef MOAT_SERVE_WEBUI_H
#define MOAT_SERVE_WEBUI_H

#include "base/str.h"

struct webui_asset {
    const char *name;         /* below "/web/"; "index.html" is "/" */
    const char *type, *tag;   /* tag: changes when the content does */
    struct str plain, packed; /* the second by gzip */
};
extern const struct webui_asset webui_assets[];
extern const size_t webui_n_assets;

/* By its name below "/web/", or NULL. */
const struct webui_asset *webui_find(struct str name);
/* Does a header that lists words with weights ("gzip, br;q=0.5", "text/html;q=0.9") take this one?
 * A weight of 0 is a no; wildcards are not asked for. */
bool webui_takes(struct str header, const char *word);

#endif
