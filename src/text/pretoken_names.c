/* SPDX-License-Identifier: Apache-2.0 */
/* text/pretoken_names: which patterns a tokenizer.ggml.pre name stands for.
 *
 * The names are those the GGUF converter writes and llama.cpp knows; the patterns come from the
 * models' own tokenizer.json, in the form llama.cpp applies them, since its ids are the common
 * reference: contractions are matched without case but in ASCII only, \s is Unicode White_Space
 * (so without U+180E), and where a model tells upper from lower case llama.cpp does so for ASCII
 * letters only (gpt-4o, tekken) or not at all (youtu, tiny_aya).
 *
 * Patterns are written so that PCRE2 needs no backtracking stack and no piece is scanned more than
 * a fixed number of times: repeated groups are possessive or replaced by a single class. */
#include "text/pretoken.h"

#include <stddef.h>

/* Members of a class. PCRE2 10.42 knows Unicode 14; the ideographs (extensions H and I) and picture
 * characters that came later are added by range, but for the classes by exclusion (NOT_LOWER ...).
 */
#define WS                                                                                         \
    "\\t-\\r \\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{"   \
    "3000}"
#define L "\\p{L}\\x{2ebf0}-\\x{2ee5d}\\x{31350}-\\x{323af}"
#define N "\\p{N}"
#define M "\\p{M}"
#define P "\\p{P}"
#define S                                                                                          \
    "\\p{S}\\x{2ffc}-\\x{2fff}\\x{31ef}\\x{1f6dc}\\x{1f774}-\\x{1f776}\\x{1f77b}-\\x{1f77f}\\x{"   \
    "1f7d9}\\x{1fa75}-\\x{1fa77}"                                                                  \
    "\\x{1fa87}\\x{1fa88}\\x{1faad}-\\x{1faaf}\\x{1fabb}-\\x{1fabd}\\x{1fabf}\\x{1face}\\x{1facf}" \
    "\\x{1fada}"                                                                                   \
    "\\x{1fadb}\\x{1fae8}\\x{1faf7}\\x{1faf8}"
#define EOL "\\r\\n"

#define SPACE          "[" WS "]"
#define LAST_SPACES    SPACE "+(?![^" WS "])" /* all but one before a word, all at the end */
#define SPACES         LAST_SPACES "|" SPACE "+"
#define LINE_ENDS      SPACE "*[" EOL "]+"
#define CONTRACTION    "'(?:[sdmt]|ll|ve|re)"
#define CONTRACTION_I  "'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])"
#define WORD           "[^" EOL L N "]?[" L "]+" /* a letter run with what stands before it */
#define SYMBOLS        " ?[^" WS L N "]+"
#define SYMBOLS_EOL    SYMBOLS "[" EOL "]*"
#define NOT_LOWER      "[^\\P{L}a-z]" /* a letter, not a-z */
#define NOT_UPPER      "[^\\P{L}A-Z]"
#define ASCII_SYMBOL   "[!-/:-@\\[-`{-~]"
#define GPT2           CONTRACTION "| ?[" L "]+| ?" N "+|" SYMBOLS "|" SPACES
#define LLAMA3(digits) CONTRACTION_I "|" WORD "|" digits "|" SYMBOLS_EOL "|" LINE_ENDS "|" SPACES

/* Chinese characters and kana as DeepSeek's tokenizers list them. */
#define CJK_KANA "[\\x{4e00}-\\x{9fa5}\\x{3040}-\\x{30ff}]+"
/* U+0800..U+9FA5 and Hangul, without white space. */
#define CJK_WIDE                                                                                   \
    "[\\x{800}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-"       \
    "\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{9fa5}\\x{ac00}-\\x{d7ff}]+"
#define DEEPSEEK3_WORDS ASCII_SYMBOL "[A-Za-z]+|[^" EOL L P S "]?[" L M "]+| ?[" P S "]+"

#define SPLIT static const char *const

SPLIT gpt2[] = {GPT2, NULL};
/* One pattern for two: digits alone, then GPT-2's on what is left. White space before a digit ends
 * its piece, so all of it is taken. */
SPLIT gpt2_digits[] = {
    N "|" CONTRACTION "| ?[" L "]+|" SYMBOLS "|" SPACE "+(?![^" WS N "])|" SPACE "+", NULL};
SPLIT llama3[] = {LLAMA3(N "{1,3}"), NULL};
SPLIT qwen2[] = {LLAMA3(N), NULL};
SPLIT ufakzeka[] = {WORD "|" N "|" SYMBOLS_EOL "|" LINE_ENDS "|" SPACES, NULL};
SPLIT minicpm5[] = {N "{1,3}", LLAMA3(N "+"), NULL};
SPLIT seed_coder[] = {CONTRACTION_I "|" WORD "|" N "| ?[^" WS L N EOL "]+|" LINE_ENDS "|" SPACES,
                      NULL};
SPLIT bailing[] = {CONTRACTION_I "|" WORD "|" N "|" SYMBOLS_EOL "|" SPACE "*[" EOL "]|" SPACES,
                   NULL};
SPLIT qwen35[] = {CONTRACTION_I "|[^" EOL L N "]?[" L M "]+|" N "| ?[^" WS L M N "]+[" EOL
                                "]*|" LINE_ENDS "|" SPACES,
                  NULL};
/* A line end is looked for only where the white space begins: later it would be looked for again
 * after every 512. */
SPLIT jais2[] = {CONTRACTION_I
                 "|" WORD "|" N "{1,3}|" SYMBOLS_EOL "|(?<![\\t\\x0b\\f \\x{85}\\x{a0}"
                 "\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}"
                 "\\x{3000}])" LINE_ENDS "|" SPACE "{512}(?![^" WS "])|" SPACE "{256}(?![^" WS
                 "])|" SPACE "{128}(?![^" WS "])|" SPACE "{64}(?![^" WS "])|" SPACE "{32}(?![^" WS
                 "])|" SPACE "{16}(?![^" WS "])|" SPACE "{8}(?![^" WS "])|" SPACE "{4}(?![^" WS
                 "])|" SPACE "{1,2}(?![^" WS "])|" SPACE,
                 NULL};
SPLIT deepseek_llm[] = {
    "[" EOL "]",
    SPACE "?[A-Za-z\\x{b5}\\x{c0}-\\x{d6}\\x{d8}-\\x{f6}\\x{f8}-\\x{1ba}\\x{1bc}-\\x{1bf}\\x{1c4}-"
          "\\x{293}\\x{295}-\\x{2af}\\x{370}-\\x{373}\\x{376}\\x{377}\\x{37b}-\\x{37d}\\x{37f}"
          "\\x{386}\\x{388}-\\x{38a}\\x{38c}\\x{38e}-\\x{3a1}\\x{3a3}-\\x{3f5}\\x{3f7}-\\x{481}"
          "\\x{48a}-\\x{52f}\\x{531}-\\x{556}\\x{10a0}-\\x{10c5}\\x{13a0}-\\x{13f5}\\x{13f8}-"
          "\\x{13fd}\\x{1c90}-\\x{1cba}\\x{1cbd}-\\x{1cbf}\\x{1d00}-\\x{1d2b}\\x{1d6b}-\\x{1d77}"
          "\\x{1d79}-\\x{1d9a}\\x{1e00}-\\x{1f15}\\x{1f18}-\\x{1f1d}\\x{1f20}-\\x{1f45}\\x{1f48}-"
          "\\x{1f4d}\\x{1f50}-\\x{1f57}\\x{1f59}\\x{1f5b}\\x{1f5d}\\x{1f5f}-\\x{1f7d}\\x{1f80}-"
          "\\x{1fb4}\\x{1fb6}-\\x{1fbc}\\x{1fbe}\\x{1fc2}-\\x{1fc4}\\x{1fc6}-\\x{1fcc}\\x{1fd0}-"
          "\\x{1fd3}\\x{1fd6}-\\x{1fdb}\\x{1fe0}-\\x{1fec}\\x{1ff2}-\\x{1ff4}\\x{1ff6}-\\x{1ffc}"
          "\\x{2102}\\x{2107}\\x{210a}-\\x{2113}\\x{2115}\\x{2119}-\\x{211d}\\x{2124}\\x{2126}"
          "\\x{2128}\\x{212a}-\\x{212d}\\x{212f}-\\x{2134}\\x{2139}\\x{213c}-\\x{213f}\\x{2145}-"
          "\\x{2149}\\x{214e}\\x{2183}\\x{2184}\\x{2c00}-\\x{2c7b}\\x{2c7e}-\\x{2ce4}\\x{2ceb}-"
          "\\x{2cee}\\x{2cf2}\\x{2cf3}\\x{a640}-\\x{a66d}\\x{a680}-\\x{a69b}\\x{a722}-\\x{a76f}"
          "\\x{a771}-\\x{a787}\\x{a78b}-\\x{a78e}\\x{ab70}-\\x{abbf}\\x{fb00}-\\x{fb06}\\x{fb13}-"
          "\\x{fb17}\\x{ff21}-\\x{ff3a}\\x{ff41}-\\x{ff5a}\\x{10400}-\\x{1044f}\\x{104b0}-"
          "\\x{104d3}\\x{104d8}-\\x{104fb}\\x{10c80}-\\x{10cb2}\\x{10cc0}-\\x{10cf2}\\x{118a0}-"
          "\\x{118df}\\x{1e900}-\\x{1e943}]+",
    SPACE "?[!-/:-~\\x{ff01}-\\x{ff0f}\\x{ff1a}-\\x{ff5e}\\x{2018}-\\x{201f}\\x{3001}\\x{3002}]+",
    "(?<!" SPACE ")" SPACE "++\\z",
    CJK_WIDE,
    N "+",
    NULL};
SPLIT deepseek_coder[] = {"[" EOL "]", SPACE "?[" L "]+", SPACE "?" P "+", CJK_WIDE, N, NULL};
SPLIT deepseek3[] = {N "{1,3}", CJK_KANA, DEEPSEEK3_WORDS "[" EOL "]*|" LINE_ENDS "|" SPACES, NULL};
SPLIT spark[] = {N "{1,3}", CJK_KANA, DEEPSEEK3_WORDS "|[" EOL "]|" SPACES, N, NULL};
SPLIT youtu[] = {"[\\x{ac00}-\\x{d7a3}\\x{3131}-\\x{318e}]+|[\\x{ff01}\\x{2026}\\x{201c}\\x{201d}"
                 "\\x{2018}\\x{2019}\\x{2014}\\x{ff1a}\\x{ff1b}\\x{ff0c}\\x{3001}-\\x{303f}"
                 "\\x{fe30}-\\x{fe4f}]+|[\\x{3105}-\\x{312f}]+|" CJK_KANA,
                 "[^" EOL L N "]?[" L M "]+(?:" CONTRACTION_I ")?|" N "|" SYMBOLS "[" EOL
                 "/]*|" LINE_ENDS "|" SPACES,
                 NULL};
SPLIT falcon[] = {"[" P "$+<=>^~|`]+", GPT2, "[0-9][0-9][0-9]", NULL};
SPLIT bloom[] = {" ?[^(" WS "|.,!?\\x{2026}\\x{3002}\\x{ff0c}\\x{3001}\\x{964}\\x{6d4}\\x{60c})]+",
                 NULL};
SPLIT viking[] = {" ?[^(" WS "|.,!?\\x{2026}\\x{3002}\\x{ff0c}\\x{3001}\\x{964}\\x{6d4}\\x{60c})]+",
                  N, NULL};
#define CASED_WORDS(end)                                                                           \
    "[^" EOL L N "]?" NOT_LOWER "*" NOT_UPPER "+" end "|[^" EOL L N "]?" NOT_LOWER "+" NOT_UPPER   \
    "*" end
SPLIT tekken[] = {CASED_WORDS("") "|" N "|" SYMBOLS "[" EOL "/]*|" LINE_ENDS "|" SPACES, NULL};
SPLIT gpt4o[] = {CASED_WORDS("(?:" CONTRACTION_I ")?") "|" N "{1,3}|" SYMBOLS "[" EOL
                                                       "/]*|" LINE_ENDS "|" SPACES,
                 NULL};
/* As gpt4o with marks as letters; "[^\P{L}a-z]|mark" has no short form, so marks are added by a
 * negated class of what is neither: controls, numbers, punctuation, symbols, separators. */
#define MARKED_NOT_LOWER "[^\\p{C}" N P S "\\p{Z}a-z]"
#define MARKED_NOT_UPPER "[^\\p{C}" N P S "\\p{Z}A-Z]"
SPLIT granite_marks[] = {"[^" EOL L N "]?" MARKED_NOT_LOWER "*" MARKED_NOT_UPPER
                         "+(?:" CONTRACTION_I ")?|[^" EOL L N "]?" MARKED_NOT_LOWER
                         "+" MARKED_NOT_UPPER "*(?:" CONTRACTION_I ")?|" N "{1,3}|" SYMBOLS "[" EOL
                         "/]*|" LINE_ENDS "|" SPACES,
                         NULL};
SPLIT tiny_aya[] = {PRETOKEN_DIGITS_FROM_RIGHT,
                    "[^" EOL L N "]?[" L M "]+(?:" CONTRACTION_I ")?|" N "{1,3}|" SYMBOLS "[" EOL
                    "/]*|" LINE_ENDS "|" SPACES,
                    NULL};
#define HAN                                                                                        \
    "\\x{4e00}-\\x{9fff}\\x{3400}-\\x{4dbf}\\x{20000}-\\x{2a6df}\\x{2a700}-\\x{2ebef}\\x{f900}-"   \
    "\\x{faff}\\x{2f800}-\\x{2fa1f}"
SPLIT kimi_k2[] = {"[" HAN "]+|[^" EOL L N "]?[^\\P{L}" HAN "]+(?:" CONTRACTION_I ")?|" N
                   "{1,3}|" SYMBOLS_EOL "|" LINE_ENDS "|" SPACES,
                   NULL};
SPLIT superbpe[] = {N "+", PRETOKEN_THREES, NULL};
SPLIT afmoe[] = {PRETOKEN_DIGITS_FROM_RIGHT,
                 "[\\x{4e00}-\\x{9fff}\\x{3400}-\\x{4dbf}\\x{8c48}-\\x{faff}\\x{3040}-\\x{30ff}"
                 "\\x{ff65}-\\x{ff9f}\\x{2f00}-\\x{2fdf}\\x{e40}-\\x{eff}\\x{1780}-\\x{17ff}"
                 "\\x{1000}-\\x{109f}\\x{aa60}-\\x{aa7f}\\x{a9e0}-\\x{a9ff}\\x{ac00}-\\x{d7af}"
                 "\\x{1100}-\\x{11ff}]+",
                 DEEPSEEK3_WORDS "[" EOL "]*|" LINE_ENDS "|" SPACES, NULL};
SPLIT lines[] = {"[^\\n]+|\\n+", NULL};
SPLIT laguna[] = {"[^\\n]+|\\n+", LLAMA3(N), NULL};
/* Words joined by single blanks are one piece. */
SPLIT exaone_moe[] = {CONTRACTION_I "|[^" EOL L N "]?[" L "](?>[" L M "]++| [" L "])*+|" N
                                    "|" SYMBOLS "[" EOL "/]?|" SPACE "*[" EOL "]|" SPACES,
                      NULL};
SPLIT chameleon[] = {"<sentinel:[0-9]++>",
                     "IMGIMG[A-I]{1,4}Z",
                     "[\\t\\n]|    |  ",
                     N,
                     "[" P "!-/:-@\\[-`{-~]",
                     GPT2,
                     NULL};
SPLIT words[] = {"[^" WS "]+", NULL};
SPLIT fallback[] = {"[" P "$+<=>^~|]+", GPT2, N "+", "[0-9][0-9][0-9]", NULL};

#define GEMMA4 (PRE_RAW | PRE_BLANKS | PRE_WHOLE_LINES | PRE_FORCE_BOS)

static const struct pretoken_name names[] = {
    {"default", fallback, 0},
    {"a.x-4.0", gpt2, 0},
    {"afmoe", afmoe, 0},
    {"bailingmoe", bailing, 0},
    {"bailingmoe2", bailing, 0},
    {"bloom", bloom, 0},
    {"chameleon", chameleon, PRE_ADD_BOS},
    {"chatglm-bpe", llama3, 0},
    {"codeshell", gpt2_digits, 0},
    {"cohere2moe", tiny_aya, 0},
    {"command-r", gpt2_digits, 0},
    {"dbrx", llama3, 0},
    {"deepseek-coder", deepseek_coder, 0},
    {"deepseek-llm", deepseek_llm, 0},
    {"deepseek-r1-qwen", qwen2, 0},
    {"deepseek-v3", deepseek3, 0},
    {"exaone", gpt2_digits, 0},
    {"exaone-moe", exaone_moe, 0},
    {"exaone4", gpt2, 0},
    {"f2llmv2", qwen2, 0},
    {"falcon", falcon, 0},
    {"falcon-h1", llama3, PRE_WHOLE_WORDS | PRE_ADD_BOS},
    {"falcon3", llama3, PRE_WHOLE_WORDS | PRE_ADD_BOS},
    {"gemma4", lines, GEMMA4},
    {"gigachat", gpt2, 0},
    {"glm4", llama3, PRE_WHOLE_WORDS},
    {"glm5", llama3, PRE_WHOLE_WORDS},
    {"gpt-2", gpt2, 0},
    {"gpt-4o", gpt4o, 0},
    {"gpt3-finnish", bloom, 0},
    {"granite-docling", gpt2, 0},
    {"granite-embed-multi-311m", lines, GEMMA4},
    {"granite-embed-multi-97m", granite_marks, PRE_WHOLE_WORDS},
    {"grok-2", qwen2, 0},
    {"hunyuan", qwen2, 0},
    {"hunyuan-dense", deepseek3, 0},
    {"hy_v4", deepseek3, 0},
    {"jais", gpt2, 0},
    {"jais-2", jais2, 0},
    {"jina-de", gpt2, 0},
    {"jina-es", gpt2, 0},
    {"jina-v1-en", gpt2, 0},
    {"jina-v2-code", gpt2, 0},
    {"jina-v2-de", gpt2, 0},
    {"jina-v2-es", gpt2, 0},
    {"jina-v5-nano", llama3, PRE_WHOLE_WORDS | PRE_ADD_BOS},
    {"joyai-llm", deepseek3, 0},
    {"kanana2", gpt4o, 0},
    {"kimi-k2", kimi_k2, 0},
    {"kormo", qwen2, 0},
    {"laguna", laguna, 0},
    {"lfm2", llama3, PRE_WHOLE_WORDS | PRE_ADD_BOS},
    {"llada-moe", bailing, 0},
    {"llama-bpe", llama3, PRE_WHOLE_WORDS | PRE_ADD_BOS},
    {"llama-v3", llama3, PRE_WHOLE_WORDS | PRE_ADD_BOS},
    {"llama3", llama3, PRE_WHOLE_WORDS | PRE_ADD_BOS},
    {"llama4", gpt4o, 0},
    {"megrez", qwen2, 0},
    {"mellum", gpt2, 0},
    {"mellum2", gpt2_digits, 0},
    {"midm-2.0", llama3, PRE_WHOLE_WORDS | PRE_ADD_BOS},
    {"minerva-7b", gpt2_digits, 0},
    {"minicpm5", minicpm5, PRE_WHOLE_WORDS},
    {"minimax-m2", gpt4o, 0},
    {"modern-bert", gpt2, 0},
    {"mpt", gpt2, 0},
    {"olmo", gpt2, 0},
    {"phi-2", gpt2, 0},
    {"pixtral", llama3, PRE_WHOLE_WORDS | PRE_ADD_BOS},
    {"poro-chat", bloom, 0},
    {"qwen2", qwen2, 0},
    {"qwen35", qwen35, 0},
    {"refact", gpt2_digits, 0},
    {"roberta-bpe", gpt2, 0},
    {"sarvam-moe", lines, PRE_RAW | PRE_BLANKS},
    {"seed-coder", seed_coder, 0},
    {"smaug-bpe", llama3, 0},
    {"smollm", gpt2_digits, 0},
    {"solar-open", qwen2, 0},
    {"spark2_5", spark, 0},
    {"stablelm2", qwen2, 0},
    {"starcoder", gpt2_digits, 0},
    {"superbpe", superbpe, 0},
    {"talkie", gpt4o, 0},
    {"tekken", tekken, PRE_WHOLE_WORDS | PRE_ADD_BOS},
    {"tiny_aya", tiny_aya, 0},
    {"trillion", gpt2, 0},
    {"ufakzeka", ufakzeka, 0},
    {"viking", viking, 0},
    {"whitespace", words, PRE_RAW},
    {"youtu", youtu, PRE_WHOLE_WORDS},
};

const struct pretoken_name *pretoken_at(size_t i)
{
    return i < sizeof names / sizeof *names ? &names[i] : NULL;
}

const struct pretoken_name *pretoken_find(struct str name)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_is(name, names[i].name))
            return &names[i];
    return NULL;
}
