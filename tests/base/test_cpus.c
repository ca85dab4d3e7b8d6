/* SPDX-License-Identifier: Apache-2.0 */
/* tests of base/cpus and base/cgroup on made /sys and /proc trees: cores, quotas, levels. */
#include "base/cpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/os.h"
#include "test.h"

static char root[] = "/tmp/moat-test-XXXXXX";

static int make_root(void **state)
{
    (void)state;
    strcpy(root + sizeof root - 7, "XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
    (void)state;
    char command[80];
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

static void put(const char *dir, const char *file, const char *text)
{
    char path[256];
    struct err e;
    snprintf(path, sizeof path, "%s%s", root, dir);
    assert_true(os_mkdirs(path, &e));
    snprintf(path, sizeof path, "%s%s/%s", root, dir, file);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void put_siblings(uint32_t cpu, const char *list)
{
    char dir[96];
    snprintf(dir, sizeof dir, "/sys/devices/system/cpu/cpu%u/topology", cpu);
    put(dir, "thread_siblings_list", list);
}

static struct cpus range(uint32_t from, uint32_t to)
{
    struct cpus c = {0};
    for (uint32_t i = from; i < to; i++)
        cpus_add(&c, i);
    return c;
}

/* Four cores, eight threads, numbered the two ways there are. */
static void threads_of_a_core_count_once(void **state)
{
    (void)state;
    static const char *const far_apart[] = {"0,4\n", "1,5\n", "2,6\n", "3,7\n"};
    static const char *const side_by_side[] = {"0-1\n", "2-3\n", "4-5\n", "6-7\n"};
    struct cpus all = range(0, 8), half = range(4, 8), none = range(8, 12);
    for (uint32_t i = 0; i < 8; i++)
        put_siblings(i, far_apart[i % 4]);
    assert_int_equal(cpus_cores(&all, root), 4);
    assert_int_equal(cpus_cores(&half, root), 4);
    for (uint32_t i = 0; i < 8; i++)
        put_siblings(i, side_by_side[i / 2]);
    assert_int_equal(cpus_cores(&all, root), 4);
    assert_int_equal(cpus_cores(&half, root), 2);
    assert_int_equal(cpus_cores(&none, root), 4); /* nothing known of them: cores */
    assert_int_equal(cpus_usable(&all, root), 4);
}

static void strange_lists_are_survived(void **state)
{
    (void)state;
    static const char *const lists[] = {"",     "\n", "x", "-3", "0-", "4000000000-4294967295",
                                        "1-0,,"};
    struct cpus two = range(0, 2);
    put_siblings(0, "0");
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        put_siblings(1, lists[i]);
        uint32_t n = cpus_cores(&two, root);
        assert_true(n == 1 || n == 2);
    }
}

static void quota_of_v2_bounds_at_every_level(void **state)
{
    (void)state;
    struct cpus c = range(0, 8);
    put("/proc/self", "cgroup", "0::/outer/inner\n");
    put("/sys/fs/cgroup/outer/inner", "cpu.max", "max 100000\n");
    assert_int_equal(cpus_usable(&c, root), 8);
    put("/sys/fs/cgroup/outer", "cpu.max", "350000 100000\n");
    assert_int_equal(cpus_usable(&c, root), 3); /* rounded down */
    put("/sys/fs/cgroup/outer/inner", "cpu.max", "200000 100000\n");
    assert_int_equal(cpus_usable(&c, root), 2);
    put("/sys/fs/cgroup/outer/inner", "cpu.max", "10000 100000\n");
    assert_int_equal(cpus_usable(&c, root), 1); /* never none */
    put("/sys/fs/cgroup/outer", "memory.max", "1048576\n");
    put("/sys/fs/cgroup/outer", "memory.current", "48576\n");
    assert_int_equal(cgroup_bound(root).limit, 1048576);
    assert_int_equal(cgroup_bound(root).left, 1000000);
}

static void quota_of_v1_bounds_too(void **state)
{
    (void)state;
    struct cpus c = range(0, 8);
    put("/proc/self", "cgroup", "5:memory:/m\n3:cpu,cpuacct:/a/b\n0::/\n");
    put("/sys/fs/cgroup/cpu/a/b", "cpu.cfs_quota_us", "-1\n");
    put("/sys/fs/cgroup/cpu/a/b", "cpu.cfs_period_us", "100000\n");
    assert_int_equal(cpus_usable(&c, root), 8);
    put("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", "500000\n"); /* a container's own mount */
    put("/sys/fs/cgroup/cpu", "cpu.cfs_period_us", "100000\n");
    assert_int_equal(cpus_usable(&c, root), 5);
    put("/sys/fs/cgroup/cpu/a/b", "cpu.cfs_quota_us", "450000\n");
    assert_int_equal(cpus_usable(&c, root), 4);
}

/* Cores and quota together: the least counts. */
static void both_bound(void **state)
{
    (void)state;
    struct cpus c = range(0, 4);
    put_siblings(1, "0-1");
    put_siblings(3, "2-3");
    put("/proc/self", "cgroup", "0::/g\n");
    put("/sys/fs/cgroup/g", "cpu.max", "300000 100000\n");
    assert_int_equal(cpus_usable(&c, root), 2);
}

#define ON_A_ROOT(test) cmocka_unit_test_setup_teardown(test, make_root, remove_root)

static void lists(void **state)
{
    static const char *const bad[] = {"", "x", "3-1", "4096", "0-99999999999", "1,,x", "-1"};
    struct cpus c = {0};
    (void)state;
    assert_true(cpus_add_list(&c, STR("0-3,8,10-11\n")));
    assert_int_equal(cpus_count(&c), 7);
    assert_true(cpus_has(&c, 8) && cpus_has(&c, 11) && !cpus_has(&c, 9));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(cpus_add_list(&c, str_of(bad[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists),
        ON_A_ROOT(threads_of_a_core_count_once),
        ON_A_ROOT(strange_lists_are_survived),
        ON_A_ROOT(quota_of_v2_bounds_at_every_level),
        ON_A_ROOT(quota_of_v1_bounds_too),
        ON_A_ROOT(both_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
