/* SPDX-License-Identifier: Apache-2.0 */
/* compute/cpu: see cpu.h. On x86-64 CPUID says what the chip has, XCR0 what the system saves; on
 * AArch64 the kernel says both. */
#include "compute/cpu.h"

bool cpu_any(void)
{
    return true;
}

#if defined(__x86_64__)
#include <asm/prctl.h>
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

/* clang 16 does not know "f16c" in __builtin_cpu_supports. */
static bool has_f16c(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

bool cpu_has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
}

/* Bits of CPUID leaf 7, subleaf 1, register EAX. */
enum { AVX_VNNI = 4, AVX512_BF16 = 5 };

static bool leaf_7_1(unsigned bit)
{
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> bit & 1);
}

bool cpu_has_avx_vnni(void)
{
    return cpu_has_avx2() && leaf_7_1(AVX_VNNI);
}

bool cpu_has_avx512_vnni(void)
{
    return cpu_has_avx2() && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni");
}

bool cpu_has_avx512_bf16(void)
{
    return cpu_has_avx512_vnni() && leaf_7_1(AVX512_BF16);
}

static unsigned long long xcr0(void)
{
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (unsigned long long)high << 32 | low;
}

/* The kernel grants the tile registers once per process, for all its threads. */
static bool tiles_granted(void)
{
    enum { REQUEST = 0x1023, TILE_DATA = 18 };
    return syscall(SYS_arch_prctl, REQUEST, TILE_DATA) == 0;
}

bool cpu_has_amx_bf16(void)
{
    unsigned a, b, c, d;
    if (!cpu_has_avx512_bf16() || !__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return false;
    bool amx = (d >> 22 & 1) && (d >> 24 & 1); /* AMX-BF16, AMX-TILE */
    bool saved = (xcr0() >> 17 & 3) == 3;      /* TILECFG, TILEDATA */
    return amx && saved && tiles_granted();
}
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>

bool cpu_has_dotprod(void)
{
    return getauxval(AT_HWCAP) & HWCAP_ASIMDDP;
}

bool cpu_has_i8mm(void)
{
    return cpu_has_dotprod() && (getauxval(AT_HWCAP2) & HWCAP2_I8MM);
}
#endif
