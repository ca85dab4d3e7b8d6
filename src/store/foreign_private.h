/* SPDX-License-Identifier: Apache-2.0 */
/* store/foreign_private: what foreign.c and foreign_list.c share. */
#ifndef MOAT_STORE_FOREIGN_PRIVATE_H
#define MOAT_STORE_FOREIGN_PRIVATE_H

#include "store/foreign.h"

enum foreign_kind { FOREIGN_OLLAMA, FOREIGN_HF, FOREIGN_LMSTUDIO };

/* The i-th folder that may hold models of that kind, "" where its variable is not set; false: there
 * are no more. */
bool foreign_folder(enum foreign_kind kind, uint32_t i, char out[STORE_PATH]);
/* Size and time of f->path; false where it is no regular file. */
bool foreign_take_file(struct foreign *f);
/* The model of one of Ollama's manifests, if its file is there. */
bool foreign_read_ollama(struct foreign *f, const char *folder, const char *manifest);
void foreign_read_link(struct foreign *f);

#endif
