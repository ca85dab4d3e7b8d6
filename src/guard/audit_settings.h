/* SPDX-License-Identifier: Apache-2.0 */
/* guard/audit_settings: what moat audit init was told: settings.json in the folder of the log.
 *
 * Who may read it, what of the prompts and answers is in it, how it is cut up and where its
 * checkpoints go. What counts for who reads the log stands in each segment too. */
#ifndef MOAT_GUARD_AUDIT_SETTINGS_H
#define MOAT_GUARD_AUDIT_SETTINGS_H

#include <jansson.h>

#include "guard/audit_frame.h"
#include "guard/sign.h"

#define AUDIT_SETTINGS "settings.json"

enum {
    AUDIT_PATH = 1024, /* of a witness, with its NUL */
    AUDIT_SOCKET = 108,
    AUDIT_URLS = 4,
    AUDIT_URL = 512,
    AUDIT_REMOVERS = 8,
    AUDIT_KEEP_LEAST = 183 /* days: six months, which the law asks for */
};

enum audit_content { AUDIT_HASHES, AUDIT_FULL, AUDIT_NOTHING };

struct audit_settings {
    uint8_t auditors[AUDIT_RECIPIENTS][AUDIT_KEY];
    uint32_t n_auditors;
    enum audit_content content;
    uint64_t segment_bytes, reserve;
    uint32_t segment_seconds, epoch_seconds, keep_days;
    struct sign_key removers[AUDIT_REMOVERS]; /* who, two together, may remove old segments */
    uint32_t n_removers;
    char witness_file[AUDIT_PATH]; /* "": none */
    bool syslog, spool;
    char syslog_socket[AUDIT_SOCKET];
    char url[AUDIT_URLS][AUDIT_URL]; /* other machines that are told (guard/audit_sent) */
    uint32_t n_urls;
    char token_file[AUDIT_PATH], ca[AUDIT_PATH]; /* for them; "": none */
};

void audit_settings_init(struct audit_settings *s);
const char *audit_content_name(enum audit_content c);
bool audit_content_parse(struct str text, enum audit_content *c, struct err *e) MUST_USE;

bool audit_settings_read(struct audit_settings *s, const char *path, struct err *e) MUST_USE;
bool audit_settings_write(const struct audit_settings *s, const char *path, struct err *e) MUST_USE;
/* What a segment says of them, as text; out is initialised here. */
bool audit_settings_public(const struct audit_settings *s, struct buf *out, struct err *e) MUST_USE;
/* The public part of a segment; false: it is none. */
bool audit_settings_from_segment(struct audit_settings *s, struct str text);

#endif
