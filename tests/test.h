/* SPDX-License-Identifier: Apache-2.0 */
/* tests/test: what every cmocka program includes. cmocka's macro fail() would hide base/err's
 * function: in a test that is to fail, write fail_msg(). */
#ifndef MOAT_TESTS_TEST_H
#define MOAT_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#undef fail
#undef fail_msg
#define fail_msg(...) (print_error(__VA_ARGS__), _fail(__FILE__, __LINE__))

#endif
