/* SPDX-License-Identifier: Apache-2.0 */
/* text/toolcall_format: the table of syntaxes, and which one a template uses.
 *
 * The first row wins whose texts stand in the template, so rows with rarer markers come first. The
 * syntaxes are those which the templates of the models write; what the models' cards say beyond
 * that (a marker that may be missing, an older spelling) is in the rows too. */
#include "text/toolcall_format.h"

#include <string.h>

#define OBJECT "{\"name\": \"%n\", \"arguments\": %j}"

static const struct toolcall_format formats[] = {
    {.name = "harmony", /* gpt-oss */
     .in_template = {"<|channel|>", "<|message|>"},
     .shape = TOOLCALL_CHANNELS,
     .flags = TOOLCALL_ONE},
    {.name = "atem", /* Muse */
     .in_template = {"<atem:invoke", NULL},
     .shape = TOOLCALL_PATTERN,
     .flags = TOOLCALL_HEADERS,
     .begin = "<atem:function_calls>",
     .end = "</atem:function_calls>",
     .call = "<atem:invoke name=\"%n\">\n%a</atem:invoke>",
     .param = "<atem:parameter name=\"%k\">%v</atem:parameter>\n",
     .think_open = "to=self<|message|>",
     .think_close = "<|eom|>"},
    {.name = "dsml", /* DeepSeek V3.2, V4 */
     .in_template = {"｜DSML｜", "invoke name"},
     .shape = TOOLCALL_PATTERN,
     .begin = "<｜DSML｜tool_calls>\n",
     .end = "</｜DSML｜tool_calls>",
     .call = "<｜DSML｜invoke name=\"%n\">\n%a</｜DSML｜invoke>\n",
     .param = "<｜DSML｜parameter name=\"%k\" string=\"%t\">%v</｜DSML｜parameter>\n"},
    {.name = "minimax-m3",
     .in_template = {"]<]minimax[>[", NULL},
     .shape = TOOLCALL_PATTERN,
     .begin = "]<]minimax[>[<tool_call>\n",
     .end = "]<]minimax[>[</tool_call>",
     .call = "]<]minimax[>[<invoke name=\"%n\">%a]<]minimax[>[</invoke>\n",
     .param = "]<]minimax[>[<%k>%v]<]minimax[>[</%k>",
     .think_open = "<mm:think>",
     .think_close = "</mm:think>"},
    {.name = "minimax-m2",
     .in_template = {"<minimax:tool_call>", NULL},
     .shape = TOOLCALL_PATTERN,
     .begin = "<minimax:tool_call>\n",
     .end = "</minimax:tool_call>",
     .call = "<invoke name=\"%n\">\n%a</invoke>\n",
     .param = "<parameter name=\"%k\">%v</parameter>\n"},
    {.name = "hunyuan",
     .in_template = {"<tool_call{}>", ":opensource"},
     .shape = TOOLCALL_PATTERN,
     .begin = "<tool_calls:opensource>\n",
     .end = "</tool_calls:opensource>",
     .call = "<tool_call:opensource>%n<tool_sep:opensource>\n%a</tool_call:opensource>\n",
     .param = "<arg_key:opensource>%k</arg_key:opensource>\n"
              "<arg_value:opensource>%v</arg_value:opensource>\n",
     .think_open = "<think:opensource>",
     .think_close = "</think:opensource>"},
    {.name = "seed-oss",
     .in_template = {"<seed:tool_call>", NULL},
     .shape = TOOLCALL_PATTERN,
     .call = "<seed:tool_call>\n<function=%n>\n%a</function>\n%|</seed:tool_call>",
     .param = "<parameter=%k>%v</parameter>\n",
     .between = "\n",
     .think_open = "<seed:think>",
     .think_close = "</seed:think>"},
    {.name = "glm", /* GLM 4.5 and later, Spark, Ling, Laguna */
     .in_template = {"<arg_key>", NULL},
     .shape = TOOLCALL_PATTERN,
     .call = "<tool_call>%n\n%a</tool_call>",
     .param = "<arg_key>%k</arg_key>\n<arg_value>%v</arg_value>\n",
     .between = "\n"},
    {.name = "qwen3-coder", /* and Qwen3.5, Step */
     .in_template = {"<function=", "<parameter="},
     .shape = TOOLCALL_PATTERN,
     .call = "%(<tool_call>\n%)<function=%n>\n%a</function>\n%|</tool_call>",
     .param = "<parameter=%k>\n%v\n</parameter>\n",
     .between = "\n"},
    {.name = "functionary-v3.1", /* and Llama 3.1's own "custom" calls */
     .in_template = {"<function=", NULL},
     .shape = TOOLCALL_PATTERN,
     .flags = TOOLCALL_PYTHON,
     .call = "<function=%n>%j</function>"},
    {.name = "functionary-v3.2",
     .in_template = {">>>", "<|start_header_id|>"},
     .shape = TOOLCALL_PATTERN,
     .flags = TOOLCALL_FIRST,
     .call = "%(>>>%)%n\n%j"},
    {.name = "kimi-k2",
     .in_template = {"<|tool_call_argument_begin|>", NULL},
     .shape = TOOLCALL_PATTERN,
     .flags = TOOLCALL_ID_NAME,
     .begin = "<|tool_calls_section_begin|>",
     .end = "<|tool_calls_section_end|>",
     .call = "<|tool_call_begin|>%i<|tool_call_argument_begin|>%j<|tool_call_end|>"},
    {.name = "deepseek-v3", /* V2.5, V3, R1 */
     .in_template = {"<｜tool▁sep｜>", "```json"},
     .shape = TOOLCALL_PATTERN,
     .begin = "<｜tool▁calls▁begin｜>",
     .end = "<｜tool▁calls▁end｜>",
     .call = "<｜tool▁call▁begin｜>function<｜tool▁sep｜>%n\n```json\n%j\n```%|<｜tool▁call▁end｜>",
     .between = "\n"},
    {.name = "deepseek-v3.1",
     .in_template = {"<｜tool▁sep｜>", NULL},
     .shape = TOOLCALL_PATTERN,
     .begin = "<｜tool▁calls▁begin｜>",
     .end = "<｜tool▁calls▁end｜>",
     .call = "<｜tool▁call▁begin｜>%n<｜tool▁sep｜>%j<｜tool▁call▁end｜>"},
    {.name = "solar-open",
     .in_template = {"<|tool_call:args|>", NULL},
     .shape = TOOLCALL_PATTERN,
     .begin = "<|tool_calls|>",
     .call = "<|tool_call:begin|>%i<|tool_call:name|>%n<|tool_call:args|>%j<|tool_call:end|>",
     .id_min = 10,
     .id_max = 10,
     .think_open = "<|think|>",
     .think_close = "<|end|>",
     .drop = {"<|begin|>assistant", "<|content|>", "<|end|>", "<|calls|>"}},
    {.name = "command-r7b", /* and Command A */
     .in_template = {"<|START_ACTION|>", NULL},
     .shape = TOOLCALL_OBJECTS,
     .begin = "<|START_ACTION|>[\n    ",
     .end = "\n]<|END_ACTION|>",
     .call = "{\"tool_call_id\": \"%i\", \"tool_name\": \"%n\", \"parameters\": %j}",
     .id_min = 1,
     .id_max = 2,
     .between = ",\n    ",
     .think_open = "<|START_THINKING|>",
     .think_close = "<|END_THINKING|>",
     .drop = {"<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_TEXT|>", "<|END_TEXT|>"}},
    {.name = "command-r",
     .in_template = {"Action:", "\"tool_name\""},
     .shape = TOOLCALL_OBJECTS,
     .flags = TOOLCALL_FENCED,
     .begin = "Action:%|```json\n[\n    ",
     .end = "\n]%|```",
     .call = "{\n        \"tool_name\": \"%n\",\n        \"parameters\": %j\n    }",
     .between = ",\n    "},
    {.name = "apertus",
     .in_template = {"<|tools_prefix|>", NULL},
     .shape = TOOLCALL_OBJECTS,
     .flags = TOOLCALL_NAME_KEY,
     .begin = "<|tools_prefix|>[",
     .end = "]<|tools_suffix|>",
     .call = "{\"%n\": %j}",
     .between = ", ",
     .think_open = "<|inner_prefix|>",
     .think_close = "<|inner_suffix|>"},
    {.name = "nemotron",
     .in_template = {"<TOOLCALL>", NULL},
     .shape = TOOLCALL_OBJECTS,
     .begin = "<TOOLCALL>[",
     .end = "]</TOOLCALL>",
     .call = OBJECT,
     .between = ", ",
     .drop = {"<SPECIAL_12>\n<SPECIAL_11>Assistant\n"}},
    {.name = "apriel",
     .in_template = {"<tool_calls>[", NULL},
     .shape = TOOLCALL_OBJECTS,
     .begin = "<tool_calls>[",
     .end = "]</tool_calls>",
     .call = OBJECT,
     .between = ", ",
     .think_open = "Here are my reasoning steps:",
     .think_close = "[BEGIN FINAL RESPONSE]",
     .drop = {"[END FINAL RESPONSE]"}},
    {.name = "minimax-m1",
     .in_template = {"<tool_calls>", NULL},
     .shape = TOOLCALL_OBJECTS,
     .begin = "<tool_calls>\n",
     .end = "\n</tool_calls>",
     .call = OBJECT,
     .between = "\n"},
    {.name = "mistral-args", /* Mistral Small 3.2, Magistral, Ministral 3, Devstral */
     .in_template = {"[TOOL_CALLS]", "[ARGS]"},
     .shape = TOOLCALL_PATTERN,
     .call = "[TOOL_CALLS]%n%([CALL_ID]%i%)[ARGS]%j",
     .think_open = "[THINK]",
     .think_close = "[/THINK]"},
    {.name = "mistral",
     .in_template = {"[TOOL_CALLS]", NULL},
     .shape = TOOLCALL_OBJECTS,
     .begin = "[TOOL_CALLS][",
     .end = "]",
     .call = "{\"name\": \"%n\", \"arguments\": %j, \"id\": \"%i\"}",
     .id_min = 9,
     .id_max = 9,
     .between = ", ",
     .think_open = "[THINK]",
     .think_close = "[/THINK]"},
    {.name = "gemma4",
     .in_template = {"<|tool_call>", "<tool_call|>"},
     .shape = TOOLCALL_LITERALS,
     .flags = TOOLCALL_GEMMA,
     .begin = "<|tool_call>",
     .end = "<tool_call|>",
     .call = "call:%n%l",
     .between = "<tool_call|><|tool_call>",
     .think_open = "<|channel>thought\n",
     .think_close = "<channel|>"},
    {.name = "lfm2",
     .in_template = {"<|tool_list_start|>", NULL},
     .shape = TOOLCALL_LITERALS,
     .begin = "<|tool_call_start|>[",
     .end = "]<|tool_call_end|>",
     .call = "%n%l",
     .between = ", "},
    {.name = "lfm2",
     .in_template = {"<|tool_call_start|>", NULL},
     .shape = TOOLCALL_LITERALS,
     .begin = "<|tool_call_start|>[",
     .end = "]<|tool_call_end|>",
     .call = "%n%l",
     .between = ", "},
    {.name = "gigachat3.1",
     .in_template = {"<|function_call|>", NULL},
     .shape = TOOLCALL_OBJECTS,
     .flags = TOOLCALL_ONE,
     .begin = "<|function_call|>",
     .call = OBJECT,
     .drop = {"<|message_sep|>\n\n"}},
    {.name = "gigachat3",
     .in_template = {"function call", "<|role_sep|>"},
     .shape = TOOLCALL_OBJECTS,
     .flags = TOOLCALL_ONE,
     .begin = "function call<|role_sep|>\n",
     .call = OBJECT,
     .drop = {"<|message_sep|>\n\n"}},
    {.name = "granite", /* Granite 3, Phi-4-mini */
     .in_template = {"<|tool_call|>", NULL},
     .shape = TOOLCALL_OBJECTS,
     .begin = "<|tool_call|>[",
     .end = "]%|<|/tool_call|>",
     .call = OBJECT,
     .between = ", "},
    {.name = "hermes", /* Hermes, Qwen 2.5 and 3, QwQ, Granite 4, MiMo */
     .in_template = {"<tool_call>", NULL},
     .shape = TOOLCALL_OBJECTS,
     .begin = "<tool_call>\n",
     .end = "\n</tool_call>",
     .call = OBJECT,
     .between = "\n</tool_call>\n<tool_call>\n"},
    {.name = "llama3",
     .in_template = {"<|start_header_id|>", "\"parameters\""},
     .shape = TOOLCALL_OBJECTS,
     .flags = TOOLCALL_BARE | TOOLCALL_PYTHON | TOOLCALL_ONE,
     .call = "{\"name\": \"%n\", \"parameters\": %j}",
     .between = "; "},
    {.name = "none", .shape = TOOLCALL_NONE},
};

#define N_FORMATS (sizeof formats / sizeof *formats)

static bool stands_in(struct str source, const char *text)
{
    return !text || str_find(source, str_of(text)) != SIZE_MAX;
}

const struct toolcall_format *toolcall_detect(struct str source)
{
    for (size_t i = 0; i + 1 < N_FORMATS; i++)
        if (stands_in(source, formats[i].in_template[0]) &&
            stands_in(source, formats[i].in_template[1]))
            return &formats[i];
    return &formats[N_FORMATS - 1];
}

const char *toolcall_format_name(const struct toolcall_format *f)
{
    return f->name;
}

const struct toolcall_format *toolcall_format_by_name(const char *name)
{
    for (size_t i = 0; i < N_FORMATS; i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

const struct toolcall_format *toolcall_format_at(size_t i)
{
    return i < N_FORMATS ? &formats[i] : NULL;
}

bool toolcall_has_calls(const struct toolcall_format *f)
{
    return f->shape != TOOLCALL_NONE;
}

bool toolcall_reads_think(const struct toolcall_format *f)
{
    return !f->think_open && f->shape != TOOLCALL_CHANNELS;
}
