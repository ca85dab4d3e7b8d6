/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes what models write: the first byte chooses the syntax, the second how the text is cut and
 * whether the prompt has opened the reasoning. In one piece and in cuts the events are the same, in
 * an order that makes sense, and hold no more bytes than a fixed multiple of the text. */
#include "text/toolcall_events.h"

static const char tools_text[] =
    "[{\"type\": \"function\", \"function\": {\"name\": \"add\", \"parameters\": {\"type\": "
    "\"object\", \"properties\": {\"a\": {\"type\": \"integer\"}, \"s\": {\"type\": \"string\"}, "
    "\"e\": {\"enum\": [\"x\", \"y\"]}}}}}]";

static const struct toolcall_format *choose(unsigned byte)
{
    size_t n = 0;
    while (toolcall_format_at(n))
        n++;
    return toolcall_format_at(byte % n);
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
    static json_t *tools;
    struct err e;
    struct events whole, cut;
    if (!tools)
        tools = json_parse(STR(tools_text), "tools", &e);
    must(tools);
    if (n < 2)
        return 0;
    const struct toolcall_format *f = choose(p[0]);
    struct str text = {(const char *)p + 2, n - 2};
    struct str prompt = p[1] & 1 ? STR("x<think>\n") : STR("");
    uint64_t seed = p[1];
    must(events_of(&whole, f, tools, prompt, text, 0, &seed));
    must(events_of(&cut, f, tools, prompt, text, 1 + p[1] / 2 % 12, &seed));
    must(json_equal(whole.list, cut.list));
    char *said = json_dumps(whole.list, 0);
    must(said && strlen(said) < 64 * n + 256);
    free(said);
    events_clear(&whole);
    events_clear(&cut);
    return 0;
}
