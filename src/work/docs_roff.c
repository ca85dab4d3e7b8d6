/* SPDX-License-Identifier: Apache-2.0 */
/* work/docs_text: manual pages. Line by line: macros of the man and mdoc sets leave their words,
 * escapes what they stand for; what only places text on paper leaves an empty line. */
#include <string.h>

#include "work/docs_text.h"

/* --- escapes -------------------------------------------------------------------------------------
 */

static const struct {
    char name[3];
    const char *text;
} characters[] = {
    {"aq", "'"},  {"dq", "\""}, {"lq", "\""}, {"rq", "\""}, {"oq", "'"},  {"cq", "'"},
    {"em", "—"},  {"en", "–"},  {"hy", "-"},  {"mi", "-"},  {"bu", "*"},  {"ha", "^"},
    {"ti", "~"},  {"rs", "\\"}, {"ga", "`"},  {"co", "©"},  {"rg", "®"},  {"tm", "™"},
    {"<=", "<="}, {">=", ">="}, {"!=", "!="}, {"->", "->"}, {"<-", "<-"}, {"+-", "±"},
    {"mu", "×"},  {"di", "÷"},  {"de", "°"},  {"sc", "§"},  {"bv", "|"},  {"or", "|"},
    {"sl", "/"},  {"at", "@"},  {"sh", "#"},  {"Do", "$"},  {"lB", "["},  {"rB", "]"},
    {"lC", "{"},  {"rC", "}"},  {"la", "<"},  {"ra", ">"},  {"pl", "+"},  {"eq", "="},
};

static void add_character(struct str name, struct buf *out)
{
    for (size_t i = 0; i < sizeof characters / sizeof *characters; i++)
        if (str_is(name, characters[i].name))
            buf_cstr(out, characters[i].text);
}

/* A name behind an escape: X, (XX or [XX...]; moves *at behind it. */
static struct str escape_name(struct str s, size_t *at)
{
    struct str name = {0};
    if (*at >= s.n)
        return name;
    if (s.p[*at] == '(') {
        name = str_sub(s, *at + 1, 2);
        *at += 1 + name.n;
    } else if (s.p[*at] == '[') {
        const char *end = memchr(s.p + *at, ']', s.n - *at);
        size_t n = end ? (size_t)(end - s.p) - *at - 1 : 0;
        name = str_sub(s, *at + 1, n);
        *at += n + 2;
    } else {
        name = str_sub(s, *at, 1);
        *at += 1;
    }
    return name;
}

/* Text in quotes of any kind behind \h, \v, \w ... */
static void skip_quoted(struct str s, size_t *at)
{
    if (*at >= s.n)
        return;
    const char *end = memchr(s.p + *at + 1, s.p[*at], s.n - *at - 1);
    *at = end ? (size_t)(end - s.p) + 1 : s.n;
}

/* s.p[*at] is behind a backslash. False: a comment begins. */
static bool add_escape(struct str s, size_t *at, struct buf *out)
{
    char c = s.p[(*at)++];
    if (c == '"' || c == '#')
        return false;
    if (c == '(' || c == '[') {
        (*at)--;
        add_character(escape_name(s, at), out);
    } else if (strchr("fFmMkn*gY", c)) {
        (void)escape_name(s, at);
    } else if (c == 's') {
        while (*at < s.n && strchr("+-0123456789", s.p[*at]))
            ++*at;
    } else if (strchr("hvwxoblLDXZRSHN", c)) {
        skip_quoted(s, at);
    } else if (strchr("-.'`", c)) {
        buf_byte(out, c);
    } else if (c == 'e' || c == '\\') {
        buf_byte(out, '\\');
    } else if (c == ' ' || c == '~' || c == '0') {
        buf_byte(out, ' ');
    }
    return true;
}

static void add_text(struct str s, struct buf *out)
{
    for (size_t at = 0; at < s.n;) {
        char c = s.p[at++];
        if (c != '\\') {
            buf_byte(out, c);
        } else if (at >= s.n || !add_escape(s, &at, out)) {
            return;
        }
    }
}

/* --- macros --------------------------------------------------------------------------------------
 */

/* The next word of a macro's line: up to a blank, or in quotes. */
static bool next_word(struct str *rest, struct str *word)
{
    *rest = str_trim(*rest);
    if (!rest->n)
        return false;
    bool quoted = rest->p[0] == '"';
    size_t at = quoted;
    while (at < rest->n && (quoted ? rest->p[at] != '"' : rest->p[at] != ' ')) {
        at += rest->p[at] == '\\' && at + 1 < rest->n;
        at++;
    }
    at = at < rest->n ? at : rest->n;
    *word = str_sub(*rest, quoted, at - quoted);
    *rest = str_from(*rest, at + (quoted && at < rest->n));
    return true;
}

static bool among(struct str name, const char *list)
{
    struct str rest = str_of(list), one;
    while (str_cut(&rest, ' ', &one))
        if (str_eq(one, name))
            return true;
    return false;
}

/* Words of a line of mdoc, in which words of two letters may be macros themselves. */
static void add_mdoc(struct str name, struct str rest, struct buf *out)
{
    struct str word = name;
    bool dash = false, first = true;
    do {
        if (among(word, "Fl")) {
            dash = true;
            continue;
        }
        if (among(word, "Nm Ar Cm Pa Va Ev Li Dv Er Fa Fn Ft Vt Em Sy No Ns Xr Sx Sq Dq Pq Qq Bq "
                        "Aq Op Oo Oc It Ic Ad An Ql Tn Ux Mt Lk Nd Xo Xc Po Pc So Sc Do Dc Qo Qc"))
            continue;
        if (!first)
            buf_byte(out, ' ');
        if (dash)
            buf_byte(out, '-');
        add_text(word, out);
        dash = first = false;
    } while (next_word(&rest, &word));
    if (dash)
        buf_byte(out, '-');
}

/* between: fonts that take turns stick together, words of one do not. */
static void add_words(struct str rest, const char *between, struct buf *out)
{
    struct str word;
    for (bool first = true; next_word(&rest, &word); first = false) {
        if (!first)
            buf_cstr(out, between);
        add_text(word, out);
    }
}

/* "# tar(1)" */
static void add_title(struct str rest, struct buf *out)
{
    struct str name, section;
    if (!next_word(&rest, &name))
        return;
    buf_cstr(out, "# ");
    for (size_t i = 0; i < name.n; i++)
        buf_byte(out, name.p[i] >= 'A' && name.p[i] <= 'Z' ? (char)(name.p[i] | 0x20) : name.p[i]);
    if (next_word(&rest, &section))
        buf_fmt(out, "(%.*s)", STR_ARG(section));
}

static void add_macro(struct str line, struct buf *out)
{
    struct str rest = str_from(line, 1), name;
    if (!next_word(&rest, &name))
        return;
    if (among(name, "TH Dt")) {
        add_title(rest, out);
    } else if (among(name, "SH Sh")) {
        buf_cstr(out, "## ");
        add_words(rest, " ", out);
    } else if (among(name, "SS Ss")) {
        buf_cstr(out, "### ");
        add_words(rest, " ", out);
    } else if (among(name, "BR RB BI IB IR RI")) {
        add_words(rest, "", out);
    } else if (among(name, "B I SM SB R OP UR MR")) {
        add_words(rest, " ", out);
    } else if (among(name, "IP")) {
        struct str word;
        if (next_word(&rest, &word))
            add_text(word, out);
    } else if (name.n == 2 && name.p[0] >= 'A' && name.p[0] <= 'Z' && name.p[1] >= 'a' &&
               !among(name, "Dd Os Pp Lp Bl El Bd Ed Rs Re Bk Ek Sm Bf Ef Ud")) {
        add_mdoc(name, rest, out);
    }
}

void docs_roff(struct str in, struct buf *out)
{
    struct str line;
    while (in.n && str_cut(&in, '\n', &line)) {
        bool control = line.n && (line.p[0] == '.' || line.p[0] == '\'');
        if (control && line.n > 1 && line.p[1] != '\\')
            add_macro(line, out);
        else if (!control)
            add_text(line, out);
        buf_byte(out, '\n');
    }
}
