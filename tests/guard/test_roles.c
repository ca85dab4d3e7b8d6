/* SPDX-License-Identifier: Apache-2.0 */
/* Roles: what is said of them is read and printed the same, who holds which, what each may. */
#include "guard/roles.h"

#include "base/json.h"
#include "guard/keys.h"
#include "test.h"

static json_t *object(const char *text)
{
    json_t *j = json_parse(str_of(text), "test", NULL);
    assert_non_null(j);
    return j;
}

static void test_reading(void **state)
{
    (void)state;
    struct roles r, again;
    struct err e;
    json_t *j = object("{\"user\": [\"gid:100\", \"uid:7\"], \"auditor\": [\"uid:7\"]}");
    assert_true(roles_parse(&r, j, &e));
    assert_true(r.told && r.n == 2);
    json_t *printed = roles_to_json(&r);
    assert_true(roles_parse(&again, printed, &e));
    assert_int_equal(again.n, 2);
    assert_int_equal(roles_of(&again, 7, NULL, 0), ROLE_USER | ROLE_AUDITOR);
    json_decref(printed);
    json_decref(j);
    assert_true(roles_parse(&r, NULL, &e));
    assert_false(r.told);
    assert_null(roles_to_json(&r));
}

static void test_bad(void **state)
{
    (void)state;
    static const char *const bad[] = {"[]",
                                      "{\"boss\": []}",
                                      "{\"user\": \"uid:1\"}",
                                      "{\"user\": [1]}",
                                      "{\"user\": [\"ann\"]}",
                                      "{\"user\": [\"uid:-1\"]}",
                                      "{\"user\": [\"uid:4294967295\"]}",
                                      "{\"none\": []}",
                                      "{\"user,auditor\": [\"uid\"]}"};
    struct roles r;
    struct err e;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_t *j = object(bad[i]);
        assert_false(roles_parse(&r, j, &e));
        assert_int_equal(e.code, ERR_CORRUPT);
        json_decref(j);
    }
}

static void test_setting(void **state)
{
    (void)state;
    struct roles r = {0};
    struct err e;
    char who[ROLES_WHO], list[64];
    assert_int_equal(roles_of(&r, 1, NULL, 0), ROLE_ALL);
    assert_true(roles_set(&r, STR("uid:1"), STR("user,operator"), &e));
    assert_true(roles_set(&r, STR("gid:4294967294"), STR("auditor"), &e));
    assert_int_equal(roles_of(&r, 1, (uint32_t[]){5, 4294967294u}, 2),
                     ROLE_USER | ROLE_OPERATOR | ROLE_AUDITOR);
    assert_int_equal(roles_of(&r, 2, (uint32_t[]){1}, 1), 0);
    roles_who(&r.v[1], who);
    assert_string_equal(who, "gid:4294967294");
    roles_list(roles_of(&r, 1, NULL, 0), list);
    assert_string_equal(list, "user, operator");
    assert_true(roles_set(&r, STR("uid:1"), STR("officer"), &e));
    assert_int_equal(roles_of(&r, 1, NULL, 0), ROLE_OFFICER);
    assert_true(roles_set(&r, STR("uid:1"), STR("none"), &e));
    assert_true(r.n == 1 && roles_of(&r, 1, NULL, 0) == 0);
    for (uint32_t i = 1; i < ROLES_MOST; i++) {
        snprintf(who, sizeof who, "uid:%u", i);
        assert_true(roles_set(&r, str_of(who), STR("user"), &e));
    }
    assert_false(roles_set(&r, STR("uid:1000000"), STR("user"), &e));
    assert_int_equal(e.code, ERR_LIMIT);
}

static void test_allowing(void **state)
{
    (void)state;
    struct err e;
    assert_true(roles_allow(ROLE_USER, "run", "x", &e));
    assert_false(roles_allow(ROLE_ALL & ~ROLE_USER, "run", "x", &e));
    assert_int_equal(e.code, ERR_DENIED);
    assert_true(roles_allow(ROLE_USER, "policy", "show", &e));
    assert_false(roles_allow(ROLE_USER | ROLE_OPERATOR, "policy", "install", &e));
    assert_false(roles_allow(ROLE_OPERATOR, "audit", "remove", &e));
    assert_true(roles_allow(ROLE_AUDITOR, "audit", "remove", &e));
    assert_false(roles_allow(ROLE_ALL, "no-such-command", "", &e));
    assert_int_equal(roles_for("no-such-command", ""), 0);
    assert_int_equal(roles_scopes(ROLE_USER), KEY_USUAL);
    assert_int_equal(roles_scopes(ROLE_OPERATOR), KEY_OPERATOR | KEY_METRICS);
    assert_int_equal(roles_scopes(ROLE_AUDITOR), KEY_METRICS);
    assert_int_equal(roles_scopes(ROLE_OFFICER), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reading), cmocka_unit_test(test_bad),
                                       cmocka_unit_test(test_setting),
                                       cmocka_unit_test(test_allowing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
