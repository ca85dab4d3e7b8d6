/* SPDX-License-Identifier: Apache-2.0 */
/* cli/lang: see lang.h. */
#include "cli/lang.h"

#include <langinfo.h>
#include <libintl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The locale the environment asks for in messages, "" when it asks for none. */
static const char *wanted(void)
{
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *v = getenv(names[i]);
        if (v && *v)
            return v;
    }
    return "";
}

/* "zh_CN.UTF-8@x" -> LANGUAGE=zh_CN; the user's own LANGUAGE is left alone. */
static void language_from(const char *locale)
{
    const char *own = getenv("LANGUAGE");
    char name[64];
    size_t n = strcspn(locale, ".@");
    if (n == 0 || n >= sizeof name || (own && *own))
        return;
    memcpy(name, locale, n);
    name[n] = '\0';
    if (strcmp(name, "C") != 0 && strcmp(name, "POSIX") != 0)
        setenv("LANGUAGE", name, 1);
}

static void choose_locale(void)
{
    if (!setlocale(LC_MESSAGES, "")) {
        language_from(wanted());
        setlocale(LC_MESSAGES, "C.UTF-8");
    }
    setlocale(LC_TIME, "");
    if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
}

/* The folder of catalogues: $MOAT_LOCALEDIR, or beside the program: in the build tree, or where it
 * was installed, even if the tree was moved since. */
static const char *catalogue_dir(char *buf, size_t cap)
{
    static const char *const beside[] = {"/locale", "/../share/locale"};
    const char *env = getenv("MOAT_LOCALEDIR");
    if (env && *env)
        return env;
    ssize_t n = readlink("/proc/self/exe", buf, cap - 1);
    if (n <= 0)
        return MOAT_LOCALEDIR;
    buf[n] = '\0';
    char *slash = strrchr(buf, '/');
    for (size_t i = 0; slash && i < sizeof beside / sizeof *beside; i++) {
        struct stat st;
        if ((size_t)(slash - buf) + strlen(beside[i]) >= cap)
            continue;
        memcpy(slash, beside[i], strlen(beside[i]) + 1);
        if (stat(buf, &st) == 0 && S_ISDIR(st.st_mode))
            return buf;
    }
    return MOAT_LOCALEDIR;
}

void lang_init(void)
{
    char dir[4096];
    choose_locale();
    bindtextdomain("moat", catalogue_dir(dir, sizeof dir));
    bind_textdomain_codeset("moat", "UTF-8");
    textdomain("moat");
}
