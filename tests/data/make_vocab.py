#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write tests/data/vocab/: one tiny vocabulary per tokenizer family, and the ids of some texts.

usage: tests/data/make_vocab.py        (standard library only; the output depends on nothing else but the Unicode data of Python)
NAME.gguf    metadata only, trained on the corpus below
NAME.json    [[text, ids plain, ids with BOS, EOS and special tokens read], ...]
The encoders here are the slow, obvious ones: merge the best pair over the whole text again and again, try every segmentation.
"""
import collections, json, os, re, struct, sys, unicodedata

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lib"))
from gguf_mini import ARR, BOOL, F32, File, I32, STR, U8, U32

NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
MARK = "\u2581"
CORPUS = """The river runs down to the sea, and the sea runs round the town. The town's people don't run; they're walking down the street.
A walker walked, a runner ran, a reader was reading the readers' book: 12 books, 2026 pages, 3.14 euros each.
int main(void)
{
    for (int i = 0; i < 100; i++)
        printf("%d\\n", i);
    return 0;
}
Grüße aus Köln! Où est la bibliothèque? Привет, мир. 你好，世界。今天天气很好，我们去公园散步。 こんにちは世界 안녕하세요 👋🏽 🙂🙂
The lowest lower low; the newest newer new; the widest wider wide. the the the town town sea sea
"""
TEXTS = ["", " ", "  ", "   a", "a", "the town", "The town's people", "THE TOWN'S PEOPLE", "don't won't they're we'll I'd I'm", " leading",
         "trailing ", "two  blanks", "tab\there", "line\nfeed", "\n\n\n", "\r\n", "  \n  \n x", "    for (int i = 0; i < 10; i++)", "12345678",
         "3.14", "a1b2c3", "x²+½", "Grüße", "e\u0301tude", "Привет", "你好，世界", "你好 世界", "こんにちは", "안녕", "👋🏽", "🙂a🙂", "\u00a0nbsp",
         "\u3000wide", "\u200bzero", "ﬁne ＡＢＣ", "unaffable qqq", "zzzzzzzzzz", "!!!???...", "\"quoted\"", "<|end|>", "<|endoftext|>",
         "a<|end|>b", "<|end|> <|end|>", "<|start|>user\nHi<|end|>\n", "x<tool>y", "<too", "<tool><tool>", "<0x41>", "\u2581\u2581x",
         "\ufffd", "\x00\x01\x7f", "the" * 40, "ab" * 60, " " * 130, "\ud55c\uae00", CORPUS]


def category(c):
    return unicodedata.category(c)[0]


def is_space(c):
    return c in "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" or "\u2000" <= c <= "\u200a"


# --- GPT-2's pieces: 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ -------------------------

def gpt2_pieces(text):
    kind = lambda c: "s" if is_space(c) else category(c) if category(c) in "LN" else "x"
    at = 0
    while at < len(text):
        m = re.compile("'(?:[stmd]|re|ve|ll)").match(text, at)
        if m:
            end = m.end()
        else:
            start = at + (text[at] == " " and at + 1 < len(text) and not is_space(text[at + 1]))
            k, end = kind(text[start]), start
            while end < len(text) and kind(text[end]) == k:
                end += 1
            if k == "s" and end < len(text) and end - at > 1:
                end -= 1  # the last blank belongs to the word
        yield text[at:end]
        at = end


# --- merging ---------------------------------------------------------------------------------------------------------

def merge(w, pair):
    out, i = [], 0
    while i < len(w):
        if w[i:i + 2] == pair:
            out.append(w[i] + w[i + 1])
            i += 2
        else:
            out.append(w[i])
            i += 1
    return tuple(out)


def train(words, n):
    """The n commonest merges over words (tuples of symbols), one after another."""
    words, merges = collections.Counter(words), []
    while len(merges) < n:
        pairs = collections.Counter()
        for w, count in words.items():
            for p in zip(w, w[1:]):
                pairs[p] += count
        if not pairs:
            break
        merges.append(max(pairs, key=lambda p: (pairs[p], p)))
        old, words = words, collections.Counter()
        for w, count in old.items():
            words[merge(w, merges[-1])] += count
    return merges


def merge_best(symbols, priority):
    """Merges the leftmost pair of the lowest priority(a, b) until none is left; None: may not merge."""
    symbols = list(symbols)
    while True:
        ranked = [(r, i) for i, r in enumerate(priority(a, b) for a, b in zip(symbols, symbols[1:])) if r is not None]
        if not ranked:
            return symbols
        i = min(ranked)[1]
        symbols[i:i + 2] = [symbols[i] + symbols[i + 1]]


class Vocab:
    def __init__(self, name, model):
        self.name, self.tokens, self.types, self.scores, self.extra = name, [], [], [], []
        self.bos = self.eos = None
        self.kv("tokenizer.ggml.model", STR, model)

    def kv(self, key, kind, value):
        self.extra.append([key, kind, value])

    def add(self, text, kind=NORMAL, score=0.0):
        self.tokens.append(text)
        self.types.append(kind)
        self.scores.append(score)
        return len(self.tokens) - 1

    def finish(self):
        self.id = {t: i for i, t in enumerate(self.tokens)}
        self.user = [t for t, k in zip(self.tokens, self.types) if k == USER]
        self.special = self.user + [t for t, k in zip(self.tokens, self.types) if k in (CONTROL, UNKNOWN)]

    def split(self, text, specials):
        """Alternating plain text and special tokens (as ids)."""
        if not specials:
            return [text]
        longest_first = "|".join(re.escape(t) for t in sorted(specials, key=len, reverse=True))
        return [self.id[p] if k % 2 else p for k, p in enumerate(re.split(f"({longest_first})", text))]

    def ids(self, text, special):
        out = [self.bos] if special and self.bos is not None else []
        for part in self.split(text, self.special if special else self.user):
            out += [part] if isinstance(part, int) else self.encode(part) if part else []
        return out + ([self.eos] if special and self.eos is not None else [])

    def write(self):
        f = File.__new__(File)
        f.version, f.tensors, f.kv = 3, [], [["general.architecture", STR, "llama"], ["general.name", STR, f"tiny {self.name}"], *self.extra]
        f.kv.append(["tokenizer.ggml.tokens", ARR, (STR, self.tokens)])
        f.kv.append(["tokenizer.ggml.token_type", ARR, (I32, self.types)])
        if any(self.scores):
            f.kv.append(["tokenizer.ggml.scores", ARR, (F32, self.scores)])
        os.makedirs(os.path.join(HERE, "vocab"), exist_ok=True)
        f.write(os.path.join(HERE, "vocab", f"{self.name}.gguf"))
        rows = [[t, self.ids(t, False), self.ids(t, True)] for t in TEXTS]
        with open(os.path.join(HERE, "vocab", f"{self.name}.json"), "w", encoding="utf-8") as out:
            out.write("[\n" + ",\n".join(json.dumps(r, separators=(",", ":")) for r in rows) + "\n]\n")


# --- byte-level BPE --------------------------------------------------------------------------------------------------

def byte_alphabet():
    own = [*range(0x21, 0x7f), *range(0xa1, 0xad), *range(0xae, 0x100)]
    rest = [b for b in range(256) if b not in own]
    return {**{b: chr(b) for b in own}, **{b: chr(0x100 + i) for i, b in enumerate(rest)}}


ALPHABET = byte_alphabet()


def mapped(text):
    return "".join(ALPHABET[b] for b in text.encode())


class Bpe(Vocab):
    def __init__(self):
        super().__init__("bpe", "gpt2")
        self.kv("tokenizer.ggml.pre", STR, "gpt-2")
        self.add("<|endoftext|>", CONTROL)
        for b in range(256):
            self.add(ALPHABET[b])
        merges = train((tuple(mapped(p)) for p in gpt2_pieces(CORPUS)), 300)
        for a, b in merges:
            self.add(a + b)
        self.add("<|start|>", CONTROL)
        self.eos = self.add("<|end|>", CONTROL)
        self.add("<tool>", USER)
        self.add("  " * 4, USER)
        self.rank = {p: i for i, p in enumerate(merges)}
        self.kv("tokenizer.ggml.merges", ARR, (STR, [f"{a} {b}" for a, b in merges]))
        self.kv("tokenizer.ggml.bos_token_id", U32, 0)
        self.kv("tokenizer.ggml.eos_token_id", U32, self.eos)
        self.kv("tokenizer.ggml.add_bos_token", BOOL, True)
        self.kv("tokenizer.ggml.add_eos_token", BOOL, True)
        self.bos = 0

    def encode(self, text):
        return [self.id[s] for p in gpt2_pieces(text) for s in merge_best(mapped(p), lambda a, b: self.rank.get((a, b)))]


# --- BPE over text (gemma 4): lines, blanks marked, bytes as <0x00> --------------------------------------------------

class Lines(Vocab):
    def __init__(self):
        super().__init__("lines", "gemma4")
        self.add("<pad>", CONTROL)
        self.add("<eos>", CONTROL)
        self.bos = self.add("<bos>", CONTROL)
        self.add("<unk>", UNKNOWN)
        for b in range(256):
            self.add(f"<0x{b:02X}>", BYTE)
        text = CORPUS.replace(" ", MARK)
        for c in sorted(set(text)):
            self.add(c)
        self.add("\n\n")
        self.add("\n\n\n")
        merges = train(map(tuple, re.findall(r"[^\n]+|\n+", text)), 200)
        for a, b in merges:
            self.add(a + b)
        self.add("<|start|>", CONTROL)
        self.add("<tool>", USER)
        self.rank = {p: i for i, p in enumerate(merges)}
        self.kv("tokenizer.ggml.merges", ARR, (STR, [f"{a} {b}" for a, b in merges]))
        self.kv("tokenizer.ggml.bos_token_id", U32, self.bos)
        self.kv("tokenizer.ggml.eos_token_id", U32, 1)

    def encode(self, text):
        out = []
        for line in re.findall(r"[^\n]+|\n+", text.replace(" ", MARK)):
            whole = line in self.id and set(line) == {"\n"}
            for s in [line] if whole else merge_best(line, lambda a, b: self.rank.get((a, b))):
                out += [self.id[s]] if s in self.id else [self.id[f"<0x{b:02X}>"] for b in s.encode()]
        return out


# --- SentencePiece ---------------------------------------------------------------------------------------------------

class Spm(Vocab):
    def __init__(self):
        super().__init__("spm", "llama")
        self.add("<unk>", UNKNOWN)
        self.bos = self.add("<s>", CONTROL)
        self.eos = self.add("</s>", CONTROL)
        for b in range(256):
            self.add(f"<0x{b:02X}>", BYTE)
        text = MARK + CORPUS.replace(" ", MARK)
        merges = train(map(tuple, re.findall(f"{MARK}*[^{MARK}]*", text)), 250)
        for i, pair in enumerate(merges):
            self.add("".join(pair), NORMAL, -float(i))
        self.add("the" + MARK, NORMAL, -0.5)  # a token that joins words
        for n in range(2, 9):
            self.add(MARK * n, NORMAL, -float(n))
        for c in sorted(set(text) - set("q")):
            self.add(c, NORMAL, -1000.0)
        self.add("<|end|>", CONTROL)
        self.add("<tool>", USER)
        self.kv("tokenizer.ggml.bos_token_id", U32, 1)
        self.kv("tokenizer.ggml.eos_token_id", U32, 2)
        self.kv("tokenizer.ggml.unknown_token_id", U32, 0)
        self.kv("tokenizer.ggml.add_eos_token", BOOL, True)

    def encode(self, text):
        plain = {t: i for t, i in self.id.items() if self.types[i] not in (CONTROL, UNKNOWN)}
        better = lambda a, b: -self.scores[plain[a + b]] if a + b in plain else None
        out = []
        for s in merge_best((" " + text).replace(" ", MARK), better):
            out += [plain[s]] if s in plain else [plain[f"<0x{b:02X}>"] for b in s.encode()]
        return out


# --- WordPiece -------------------------------------------------------------------------------------------------------

class WordPiece(Vocab):
    def __init__(self):
        super().__init__("wordpiece", "bert")
        for t in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"):
            self.add(t, CONTROL)
        words = sorted(set(self.words(CORPUS)))
        starts, ends = {w[:k] for w in words for k in (1, 3)}, {w[k:] for w in words for k in (1, 3)} - {""}
        for t in sorted({MARK + w for w in words[::2]} | {MARK + s for s in starts} | ends | {c for w in words for c in w}):
            self.add(t)
        for key, i in (("padding", 0), ("unknown", 1), ("cls", 2), ("seperator", 3), ("mask", 4)):
            self.kv(f"tokenizer.ggml.{key}_token_id", U32, i)
        self.bos, self.eos = 2, 3

    @staticmethod
    def words(text):
        out = ""
        for c in text:
            c = unicodedata.normalize("NFD", c)[0]
            if is_space(c):
                out += " "
            elif c in "\0\ufffd" or category(c) == "M" or category(c) == "C" and unicodedata.category(c) != "Cn":
                continue
            elif category(c) == "P" or c < "\x7f" and category(c) == "S" or "\u4e00" <= c <= "\u9fff":
                out += f" {c} "
            else:
                out += c.lower()
        return out.split(" ")

    def encode(self, text):
        out = []
        for w in self.words(text):
            row, rest = [], MARK + w
            while w and rest:
                best = next((rest[:k] for k in range(len(rest), 0, -1) if rest[:k] in self.id), None)
                if best is None:
                    row, rest = [1], ""
                else:
                    row, rest = row + [self.id[best]], rest[len(best):]
            out += row
        return out


# --- Unigram ---------------------------------------------------------------------------------------------------------

def double_array(rules):
    """A character map as SentencePiece compiles it (darts-clone): size, units, replacements."""
    texts, at = b"", {}
    for value in sorted(set(rules.values())):
        at[value] = len(texts)
        texts += value.encode() + b"\0"
    tree = {}
    for key, value in rules.items():
        node = tree
        for b in key.encode():
            node = node.setdefault(b, {})
        node[0] = at[value]
    units, bases, queue = {0: 0}, set(), [(0, tree)]
    while queue:
        here, node = queue.pop(0)
        base = next(b for b in range(1, 1 << 20) if b not in bases and all(b ^ c not in units for c in node))
        bases.add(base)  # a label tells the children of two nodes apart only if no two share a base
        units[here] |= (here ^ base) << 10 | (0x100 if 0 in node else 0)
        for c, child in node.items():
            units[base ^ c] = 1 << 31 | child if c == 0 else c
            if c:
                queue.append((base ^ c, child))
    n = max(units) | 255
    packed = b"".join(struct.pack("<I", units.get(i, 0)) for i in range(n + 1))
    return struct.pack("<I", len(packed)) + packed + texts


class Unigram(Vocab):
    RULES = {"ﬁ": "fi", "Ａ": "A", "Ｂ": "B", "Ｃ": "C", "\t": " ", "\n": " ", "\r": " ", "\u00a0": " ", "\u3000": " ", "\u200b": "",
             "e\u0301": "é", "½": "1/2", "²": "2"}

    def __init__(self):
        super().__init__("unigram", "t5")
        self.add("<pad>", CONTROL)
        self.eos = self.add("</s>", CONTROL)
        self.add("<unk>", UNKNOWN)
        count = collections.Counter()
        text = re.sub(r"\s+", " ", CORPUS)
        for w in (MARK + w for w in text.split(" ")):
            for i in range(len(w)):
                for k in range(i + 1, min(len(w), i + 6) + 1):
                    count[w[i:k]] += 1
        pieces = sorted(count, key=lambda p: (-count[p] * len(p), p))[:400]
        for i, p in enumerate(dict.fromkeys(pieces + sorted(set("abcdefghijklmnoprstuvwxyz,.;:'\"!?0123456789" + MARK)))):
            self.add(p, NORMAL, -2.0 - (i * 37 % 101) / 16 - (4 if len(p) == 1 else 0))
        self.add("<tool>", USER)
        self.kv("tokenizer.ggml.add_space_prefix", BOOL, True)
        self.kv("tokenizer.ggml.remove_extra_whitespaces", BOOL, True)
        self.kv("tokenizer.ggml.precompiled_charsmap", ARR, (U8, list(double_array(self.RULES))))
        self.bos = None

    def normal(self, text):
        for key, value in sorted(self.RULES.items(), key=lambda r: -len(r[0])):
            text = text.replace(key, value)
        words = [w for w in text.split(" ") if w]
        return "".join(MARK + w for w in words)

    def encode(self, text):
        text = self.normal(text)
        score = {t: 0.0 if self.types[i] == USER else self.scores[i] for t, i in self.id.items() if self.types[i] in (NORMAL, USER)}
        unknown = min(s for t, s in score.items() if self.types[self.id[t]] == NORMAL) - 10
        best = [(0.0, None, None)] + [None] * len(text)
        for at in range(len(text)):
            single = text[at] in score
            for end in range(at + 1, min(len(text), at + 8) + 1):
                piece = text[at:end]
                s = score.get(piece, unknown if end == at + 1 and not single else None)
                if s is not None and (best[end] is None or best[at][0] + s > best[end][0]):
                    best[end] = (best[at][0] + s, at, self.id[piece] if piece in score else 2)
        out, at = [], len(text)
        while at:
            if not (out and best[at][2] == 2 == out[-1]):
                out.append(best[at][2])
            at = best[at][1]
        return out[::-1]


for make in (Bpe, Lines, Spm, WordPiece, Unigram):
    v = make()
    v.finish()
    v.write()
    print(f"{v.name}: {len(v.tokens)} tokens")
