/* SPDX-License-Identifier: Apache-2.0 */
/* text/toolcall_channel: messages whose header says what they are: OpenAI's harmony format.
 *
 * <|start|>assistant<|channel|>analysis<|message|>..<|end|> is reasoning; a header with
 * to=functions.NAME, before or after the channel, makes its message the arguments of a call; all
 * else is content. The prompt has written the first <|start|>assistant already. In the other
 * syntax with headers to=self is reasoning, and calls have markers inside the message.
 * Source: the harmony response format as OpenAI documents it. */
#include <string.h>

#include "text/toolcall_private.h"

#define MOST_HEADER 512u /* bytes */

static const struct str message = STR("<|message|>");

/* The word after `key`, up to a blank or a marker. */
static struct str word_after(struct str header, struct str key)
{
    size_t at = str_find(header, key), n = 0;
    if (at == SIZE_MAX)
        return STR("");
    struct str s = str_from(header, at + key.n);
    while (n < s.n && s.p[n] != ' ' && s.p[n] != '\n' && s.p[n] != '<')
        n++;
    return str_sub(s, 0, n);
}

static void begin_message(struct toolcall *t, struct str header)
{
    struct str to = word_after(header, STR("to=")),
               channel = word_after(header, STR("<|channel|>"));
    bool harmony = t->f->shape == TOOLCALL_CHANNELS;
    t->silent = true;
    t->fresh = false;
    if (harmony ? str_is(channel, "analysis") && !to.n : str_is(to, "self")) {
        t->state = STATE_REASONING;
    } else if (harmony && to.n && !str_is(to, "user") && !str_is(to, "assistant")) {
        t->pattern = "";
        t->state = STATE_BODY;
        buf_reset(&t->name);
        buf_str(&t->name, str_starts(to, STR("functions.")) ? str_from(to, 10) : to);
    } else {
        t->keep = false;
        t->state = STATE_CONTENT;
    }
    if (t->state == STATE_REASONING)
        t->keep = false;
}

static bool may_be_header(struct str v)
{
    static const struct str begins[] = {STR("<|start|>"),   STR("<|channel|>"),
                                        STR("<|message|>"), STR("<|constrain|>"),
                                        STR("assistant"),   STR("to=")};
    struct str s = str_from(v, toolcall_blanks(v));
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
        if (str_starts(s, begins[i]) || str_starts(begins[i], s))
            return true;
    return false;
}

/* Bytes at the beginning of s that may stand in a header: a marker, also one that is cut, or a
 * character of a word. 0: none. */
static size_t header_piece(struct str s)
{
    static const struct str markers[] = {STR("<|start|>"), STR("<|channel|>"), STR("<|message|>"),
                                         STR("<|constrain|>")};
    char c = s.p[0];
    bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                strchr("_-.:/= \n", c);
    for (size_t i = 0; i < sizeof markers / sizeof *markers; i++)
        if (str_starts(s, markers[i]) || str_starts(markers[i], s))
            return s.n < markers[i].n ? s.n : markers[i].n;
    return c && word ? 1 : 0;
}

/* The answer ends inside a header. One that begins an answer has a blank or a marker in front, so a
 * word alone is a (short) answer there. */
static bool is_cut_header(const struct toolcall *t, struct str v)
{
    size_t n = toolcall_blanks(v);
    if (t->fresh && !n && v.p[0] != '<' && !str_starts(v, STR("to=")))
        return false;
    for (size_t one = 1; n < v.n && one; n += one)
        one = header_piece(str_from(v, n));
    return n == v.n;
}

/* Text without a header, or one that is cut: nothing of it is meant for a reader. */
static bool no_header(struct toolcall *t, struct str v, bool may_be)
{
    if (t->over && may_be && is_cut_header(t, v)) {
        toolcall_take(t, v.n);
        return false;
    }
    t->keep = false;
    t->malformed = t->malformed || t->over || v.n > MOST_HEADER;
    t->state = STATE_CONTENT;
    return true;
}

bool toolcall_step_header(struct toolcall *t)
{
    struct str v = toolcall_unread(t);
    bool found;
    size_t n = toolcall_find(t, v, message, &found);
    if (!v.n)
        return false;
    bool may_be = may_be_header(v);
    if (!may_be || n > MOST_HEADER || (!found && t->over))
        return no_header(t, v, may_be);
    if (!found)
        return false;
    toolcall_open(t);
    toolcall_take(t, n + message.n);
    begin_message(t, str_sub(v, 0, n));
    return true;
}

static bool end_body(struct toolcall *t)
{
    if (toolcall_finish(t))
        t->state = STATE_HEADER;
    t->keep = false;
    return true;
}

/* The arguments up to the end of the message, which an answer that is cut does not have. Cut before
 * their first byte, it is cut in the header. */
bool toolcall_step_body(struct toolcall *t)
{
    struct str v = toolcall_unread(t);
    if (t->over && !t->scan.begun && toolcall_blanks(v) == v.n) {
        toolcall_take(t, v.n);
        t->keep = false;
        return false;
    }
    enum toolcall_look whole = toolcall_arguments(t);
    return whole == LOOK_YES ? end_body(t) : whole == LOOK_NO;
}
