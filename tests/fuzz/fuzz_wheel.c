/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the reading of wheels: a member that is found has the size it is said to have when it
 * streams to its end. */
#include <sys/mman.h>
#include <unistd.h>

#include "store/wheel.h"

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

static bool count(void *arg, const void *p, size_t n, struct err *e)
{
    uint64_t *sum = arg;
    (void)p;
    *sum += n;
    return *sum < 1 << 20 || fail(e, ERR_LIMIT, "enough");
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
    struct wheel_member m;
    struct err e = {0};
    uint64_t sum = 0;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    must(fd >= 0 && write(fd, p, n) == (ssize_t)n);
    if (!wheel_find(fd, "fuzz", NULL, &m, &e))
        must(e.msg[0]);
    else if (wheel_stream(fd, "fuzz", &m, count, &sum, &e))
        must(sum == m.size);
    else
        must(e.msg[0]);
    close(fd);
    return 0;
}
