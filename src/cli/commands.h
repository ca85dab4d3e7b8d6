/* SPDX-License-Identifier: Apache-2.0 */
/* cli/commands: every command's description, defined in cmd_<name>.c, listed in main.c. */
#ifndef MOAT_CLI_COMMANDS_H
#define MOAT_CLI_COMMANDS_H

#include "cli/opts.h"

extern const struct command cmd_ask;

extern const struct command cmd_attest;

extern const struct command cmd_audit;

extern const struct command cmd_bench;

extern const struct command cmd_bundle;

extern const struct command cmd_catalog;

extern const struct command cmd_completion;

extern const struct command cmd_config;

extern const struct command cmd_convert;

extern const struct command cmd_cp;

extern const struct command cmd_create;

extern const struct command cmd_doctor;

extern const struct command cmd_embed;

extern const struct command cmd_export;

extern const struct command cmd_gc;

extern const struct command cmd_grammar;

extern const struct command cmd_imatrix;

extern const struct command cmd_import;

extern const struct command cmd_key;

extern const struct command cmd_list;

extern const struct command cmd_logits;

extern const struct command cmd_logs;

extern const struct command cmd_mirror;

extern const struct command cmd_pack;

extern const struct command cmd_perplexity;
extern const struct command cmd_policy;

extern const struct command cmd_ps;

extern const struct command cmd_pull;

extern const struct command cmd_push;

extern const struct command cmd_quantize;

extern const struct command cmd_rm;

extern const struct command cmd_run;

extern const struct command cmd_serve;

extern const struct command cmd_show;

extern const struct command cmd_stop;

extern const struct command cmd_template;

extern const struct command cmd_sign;

extern const struct command cmd_tokenize;

extern const struct command cmd_verify;

#endif
