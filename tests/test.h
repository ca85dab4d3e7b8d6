/* SPDX-License-Identifier: Apache-2.0 */
/* tests/test: what every cmocka program includes. cmocka's fail() would hide moat's: write
 * fail_msg() in a test. */
#ifndef MOAT_TESTS_TEST_H
#define MOAT_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#undef fail

#endif
