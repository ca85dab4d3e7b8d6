/* SPDX-License-Identifier: Apache-2.0 */
/* cli/lang: the language of messages.
 *
 * The program always speaks UTF-8. Where the locale named by the environment is not installed (a
 * bare Debian has only C.UTF-8), C.UTF-8 is used and LANGUAGE is taken from LANG, so that LANG
 * alone still chooses the language. Numbers stay in the C locale: output is for machines too.
 *
 * Catalogues are looked for in $MOAT_LOCALEDIR, then in `locale` (the build tree) and
 * `../share/locale` (an installation, moved or not) from the program's folder, then in the
 * directory compiled in. */
#ifndef MOAT_CLI_LANG_H
#define MOAT_CLI_LANG_H

void lang_init(void);

#endif
