/* SPDX-License-Identifier: Apache-2.0 */
/* store/bundle: what an air-gapped site needs, in one signed file.
 *
 *     header    1024 bytes of text: sizes, a checksum, how to begin with nothing but a shell
 *     list      JSON: every file with its size and SHA-256, and the SHA-256 of every segment
 *     signature guard/sign's file for the list (type SIGN_BUNDLE)
 *     zeros     up to the next 4096
 *     program   a plain tar: moat with the libraries it needs and a launcher (may be empty)
 *     payload   a tar in zstd: models, catalogues, policies, documents, licences
 *
 * Segments cut what follows the zeros into pieces of BUNDLE_SEGMENT bytes. So the signature covers
 * the list, the list every byte of program and payload and every file in them, and the header is
 * what its own numbers print as: there is no byte that nothing checks.
 *
 * On media the file may be cut into parts of a fixed size, NAME.001, NAME.002 and so on: slices
 * that `cat` joins again.
 *
 * Guarantees: bundle_open and bundle_verify write nothing. bundle_install writes only after both,
 * and checks each file's SHA-256 again as it writes it, so that a medium that changes in between
 * installs nothing wrong. Paths are ours: of the archives only contents are taken, and only where
 * the member is the one that the list has next. Refuses: other formats, unsafe or repeated paths,
 * what is beyond base/limits.h, missing, short or swapped parts. */
#ifndef MOAT_STORE_BUNDLE_H
#define MOAT_STORE_BUNDLE_H

#include <jansson.h>

#include "base/hash.h"
#include "guard/sign.h"
#include "store/blob.h"
#include "store/name.h"

#define BUNDLE_SEGMENT (16u << 20)
#define BUNDLE_HEADER  1024u
#define BUNDLE_ALIGN   4096u

enum { BUNDLE_PATH = 240, BUNDLE_SOURCE = 512 };

enum bundle_kind {
    BUNDLE_PROGRAM, /* moat/... */
    BUNDLE_MODEL,   /* models/sha256-<hex> */
    BUNDLE_CATALOG, /* catalogs/NAME */
    BUNDLE_POLICY,  /* policy/NAME */
    BUNDLE_DOC,     /* docs/NAME */
    BUNDLE_LICENCE, /* licences/NAME */
    BUNDLE_KINDS
};
extern const char *const bundle_kind_names[BUNDLE_KINDS];

struct bundle_file {
    enum bundle_kind kind;
    char path[BUNDLE_PATH]; /* in the archive, and below what it is installed to */
    uint64_t bytes;
    bool executable;
    struct digest digest;
    struct name name;       /* of a model */
    const json_t *settings; /* of a model, borrowed from the list; or NULL */
};

/* Where the regions are; bytes from the beginning. */
struct bundle_layout {
    uint64_t list_bytes, signature_bytes;
    uint64_t head_bytes; /* all before the program */
    uint64_t program_bytes, payload_bytes;
    uint64_t part_bytes;    /* 0: one file */
    struct digest checksum; /* of list and signature */
};

static inline uint64_t bundle_bytes(const struct bundle_layout *l)
{
    return l->head_bytes + l->program_bytes + l->payload_bytes;
}

struct bundle {
    struct bundle_layout at;
    struct sign_terms terms;
    const char *arch, *moat;  /* of the program: "x86_64", and its version; borrowed from list */
    struct bundle_file *file; /* [n_files], owned: programs first, in the order of the archives */
    uint32_t n_files;
    struct digest *segment; /* [n_segments], owned */
    uint32_t n_segments;
    json_t *list; /* owned */
    struct bundle_parts *parts;
    char signers[256]; /* names or ids of the trusted keys that signed, for people */
};

/* Reads the head, checks checksum, signature, terms, list, and that every part is there with its
 * size. path: the file, or its name without .001. trust: whose signatures count. */
bool bundle_open(struct bundle *b, const char *path, const struct sign_trust *trust,
                 struct err *e) MUST_USE;
void bundle_close(struct bundle *b);
/* Every byte of program and payload against the list, then every file in them. */
bool bundle_verify(const struct bundle *b, const struct store_progress *progress,
                   struct err *e) MUST_USE;

/* --- making one: bundle_make.c --------------------------------------------------------------- */

struct bundle_wish {
    const char *out;
    const struct sign_secret *secret;
    const char *const *models; /* names in the store */
    /* Catalogues (with the .sig beside them), policies, documents, licences: FILE, or FILE=NAME. */
    const char *const *files[BUNDLE_KINDS];
    uint32_t n_models, n_files[BUNDLE_KINDS];
    bool program;         /* this very program, with its libraries */
    const char *messages; /* its Chinese catalogue (moat.mo), or NULL */
    uint64_t part_bytes;  /* 0: one file; else a multiple of BUNDLE_ALIGN */
    uint64_t version;     /* at least 1 */
    struct store_progress progress;
};
/* What was made, for people. */
struct bundle_made {
    uint64_t bytes;
    uint32_t n_parts, n_files;
    struct digest checksum;
};
bool bundle_make(const struct bundle_wish *w, struct bundle_made *made, struct err *e) MUST_USE;

/* --- installing: bundle_install.c ------------------------------------------------------------ */

/* Says what was installed, or was there already. */
typedef void bundle_note_fn(void *arg, const struct bundle_file *f, bool was_there);

struct bundle_target {
    const char *program; /* the folder that gets moat/, or NULL: no program */
    struct store_progress progress;
    bundle_note_fn *note; /* may be NULL */
    void *note_arg;
};
/* After bundle_verify: models become names of the store, the rest files below its root. */
bool bundle_install(const struct bundle *b, const struct bundle_target *t, struct err *e) MUST_USE;

#endif
