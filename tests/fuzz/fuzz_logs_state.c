/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes work/logs_state: any bytes, with a right check sum behind them where the first byte is
 * odd. What is taken can be mined on with: its shapes become events. Written again it is the same.
 */
#include <string.h>

#include "base/mem.h"
#include "work/logs_events.h"
#include "work/logs_refine.h"
#include "work/logs_state.h"

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

static void mine_on(const struct logs_state *s, struct err *e)
{
    struct logs_shapes refined = {0};
    struct logs_events events = {0};
    uint32_t *map = mem_new(s->shapes.n + 1, sizeof *map, e);
    if (map && logs_refine(&s->shapes, &refined, map, e) &&
        logs_events_make(&refined, true, &events, e))
        must(events.n <= refined.n && refined.n <= s->shapes.n);
    logs_events_clear(&events);
    logs_shapes_clear(&refined);
    mem_free(map);
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
    struct buf file, again;
    struct logs_state s;
    struct hash h;
    struct err e = {0};
    if (n == 0 || n > 1u << 16)
        return 0;
    buf_init(&file, 1u << 20);
    buf_add(&file, p + 1, n - 1);
    struct str all = buf_view(&file);
    if (p[0] & 1 && hash_of(&all, 1, &h, &e))
        buf_add(&file, h.b, HASH_BYTES);
    if (logs_state_take(&s, buf_view(&file), "state", &e)) {
        mine_on(&s, &e);
        if (logs_state_put(&s, &again, &e))
            must(s.shapes.n == 0 || again.n <= file.n);
        buf_clear(&again);
        logs_state_clear(&s);
    }
    buf_clear(&file);
    return 0;
}
