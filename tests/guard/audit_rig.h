/* SPDX-License-Identifier: Apache-2.0 */
/* tests/guard/audit_rig: a log in a folder of its own, records that carry a number, and how often
 * each of them is found in the log afterwards. */
#ifndef MOAT_TESTS_GUARD_AUDIT_RIG_H
#define MOAT_TESTS_GUARD_AUDIT_RIG_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "guard/audit.h"
#include "guard/audit_read.h"
#include "test.h"

enum { RIG_MOST = 1 << 16 }; /* records that are counted */

static struct rig {
    char dir[64];
    struct audit_identity identity;
    struct audit_settings settings;
    unsigned short found[RIG_MOST]; /* [number]: how often; filled by rig_read */
} rig;

/* Removes the files in a folder, and it. */
static inline void rig_remove(const char *dir)
{
    char path[512];
    DIR *d = opendir(dir);
    for (struct dirent *entry; d && (entry = readdir(d));) {
        snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        if (entry->d_name[0] != '.')
            unlink(path);
    }
    if (d)
        closedir(d);
    rmdir(dir);
}

static inline void rig_settings(uint64_t segment_bytes, uint32_t epoch_seconds)
{
    struct err e;
    audit_settings_init(&rig.settings);
    rig.settings.reserve = 0;
    rig.settings.segment_bytes = segment_bytes;
    rig.settings.epoch_seconds = epoch_seconds;
    assert_true(audit_identity_make(&rig.identity, &e));
    memcpy(rig.settings.auditors[0], rig.identity.public, AUDIT_KEY);
    rig.settings.n_auditors = 1;
}

/* A new log; epoch_seconds 0: each flush hands over. */
static inline void rig_start(uint64_t segment_bytes, uint32_t epoch_seconds)
{
    struct hash log;
    struct err e = {0};
    rig_settings(segment_bytes, epoch_seconds ? epoch_seconds : 1);
    snprintf(rig.dir, sizeof rig.dir, "/tmp/moat-audit-XXXXXX");
    assert_non_null(mkdtemp(rig.dir));
    if (!audit_create(rig.dir, &rig.settings, &log, &e))
        fail_msg("%s", e.msg);
}

static inline void rig_stop(void)
{
    rig_remove(rig.dir);
}

static inline bool rig_append(struct audit *a, int number, struct err *e)
{
    json_t *j =
        json_pack("{ss si ss}", "act", "test", "n", number, "text", "some words of a record");
    bool ok = audit_append(a, j, e);
    json_decref(j);
    return ok;
}

static inline bool rig_count(void *arg, const struct audit_entry *entry, struct err *e)
{
    json_t *j = json_parse(entry->text, "record", e);
    const json_t *n = json_object_get(j, "n");
    (void)arg;
    if (json_is_integer(n) && json_integer_value(n) < RIG_MOST)
        rig.found[json_integer_value(n)]++;
    json_decref(j);
    return j != NULL;
}

/* Verifies and decrypts the log. */
static inline bool rig_read(const char *dir, struct audit_report *r, struct err *e)
{
    struct audit_reading reading = {.identity = &rig.identity, .fn = rig_count};
    memset(rig.found, 0, sizeof rig.found);
    return audit_read(dir, &reading, r, e) && reading.unread == 0;
}

/* Once each from 0 to n - 1; the number at fault, or -1. */
static inline int rig_missing(int n)
{
    for (int i = 0; i < n; i++)
        if (rig.found[i] != 1)
            return i;
    return -1;
}

static inline int rig_env(const char *name, int otherwise)
{
    const char *text = getenv(name);
    uint64_t n;
    return text && str_to_u64(str_of(text), &n) ? (int)n : otherwise;
}

#endif
