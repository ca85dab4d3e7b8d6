/* SPDX-License-Identifier: Apache-2.0 */
/* serve/ledger_book: what the front tells of the use of keys, kept in the store; see ledger.h. */
#include <unistd.h>

#include "base/os.h"
#include "serve/ledger.h"
#include "serve/log.h"
#include "serve/packet.h"
#include "store/store.h"

bool ledger_book_open(struct ledger_book *b, int *fronts, struct err *e)
{
    int line[2];
    if (!packet_pair(line, e))
        return false;
    if (b->line >= 0)
        close(b->line);
    b->line = line[0];
    *fronts = line[1];
    return true;
}

static void take(struct ledger_book *b)
{
    enum packet_state state = PACKET_NONE;
    json_t *j;
    int fd;
    struct err e;
    while (b->line >= 0 && (state = packet_take(b->line, &j, &fd)) == PACKET_GOT) {
        if (fd >= 0)
            close(fd); /* none belongs to these */
        if (!key_usages_take(&b->waiting, j, &e))
            log_event("usage-failed", "%s", e.msg);
        json_decref(j);
    }
    if (state != PACKET_END)
        return;
    close(b->line);
    b->line = -1;
}

void ledger_book_keep(struct ledger_book *b, const struct keys *keys, bool now)
{
    char path[STORE_PATH];
    struct store s;
    struct err e = {0};
    take(b);
    if (b->waiting.n == 0 || (!now && os_now_ns() < b->due_ns))
        return;
    b->due_ns = os_now_ns() + LEDGER_WRITE_MS * 1000000ull;
    if (!store_open(&s, false, &e) ||
        !key_usages_add(&b->waiting, keys, store_path(&s, path, KEY_USAGE_FILE), &e))
        log_event("usage-failed", "%s", e.msg); /* what waits is tried again */
    else
        key_usages_clear(&b->waiting);
}

void ledger_book_close(struct ledger_book *b)
{
    if (b->line >= 0)
        close(b->line);
    b->line = -1;
    key_usages_clear(&b->waiting);
}
