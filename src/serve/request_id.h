/* SPDX-License-Identifier: Apache-2.0 */
/* serve/request_id: names for requests that nobody can guess and no two share. */
#ifndef MOAT_SERVE_REQUEST_ID_H
#define MOAT_SERVE_REQUEST_ID_H

#include <stdint.h>

enum { REQUEST_ID_BYTES = 32 };

void request_id_next(char id[REQUEST_ID_BYTES]); /* "req_" and 24 hexadecimal digits */

#endif
