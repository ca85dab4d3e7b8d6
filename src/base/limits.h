/* SPDX-License-Identifier: Apache-2.0 */
/* base/limits: every cap on what comes from outside, in one place. */
#ifndef MOAT_BASE_LIMITS_H
#define MOAT_BASE_LIMITS_H

#define LIMIT_GGUF_KV          65536u         /* metadata entries in one file */
#define LIMIT_GGUF_TENSORS     65536u         /* tensors in one file */
#define LIMIT_GGUF_NAME        65535u         /* bytes of a metadata key */
#define LIMIT_GGUF_TENSOR_NAME 256u           /* bytes of a tensor name */
#define LIMIT_GGUF_STRINGS     (4u << 20)     /* strings in one metadata array */
#define LIMIT_GGUF_ALIGNMENT   (1u << 20)     /* alignment of tensor data */
#define LIMIT_GGUF_SPLITS      1024u          /* files of one split model */
#define LIMIT_VOCAB            (4u << 20)     /* tokens of a vocabulary */
#define LIMIT_TOKEN_BYTES      (64u << 10)    /* bytes of one token */
#define LIMIT_TEXT_BYTES       (256ull << 20) /* bytes tokenised at once */
#define LIMIT_PIECE_BYTES      (16u << 20)    /* bytes of it that cannot be split before merging */
#define LIMIT_TEMPLATE_BYTES   (1u << 20)     /* source of a chat template */
#define LIMIT_TEMPLATE_OUTPUT  (16u << 20)    /* bytes a template may write */
#define LIMIT_TEMPLATE_STEPS   1000000u       /* evaluation steps of one rendering */
#define LIMIT_TEMPLATE_DEPTH   64u            /* nesting of statements and expressions */
#define LIMIT_GRAMMAR_BYTES    (1u << 20)     /* source of a grammar or of a JSON Schema */
#define LIMIT_GRAMMAR_DEPTH    64u            /* nesting of its parentheses */
#define LIMIT_GRAMMAR_RULES    4096u          /* rules of a grammar */
#define LIMIT_GRAMMAR_NODES    (256u << 10)   /* steps of its rules together */
#define LIMIT_GRAMMAR_MS       200u           /* time to compile it */
#define LIMIT_GRAMMAR_ITEMS    65536u         /* steps that a text may take next */
#define LIMIT_GRAMMAR_READINGS 512u           /* ways to read a text side by side */
#define LIMIT_GRAMMAR_CACHE    (32u << 20)    /* bytes of states remembered */
#define LIMIT_MASK_CACHE       (8u << 20)     /* bytes of token masks remembered */
#define LIMIT_MASKS_IDLE       (16u << 20)    /* bytes of those whose grammar binds no answer now */
#define LIMIT_JSON_BYTES       (64u << 20)    /* a JSON document */
#define LIMIT_JSON_DEPTH       64u            /* its nesting */
#define LIMIT_TOOLCALL_BYTES   (4u << 20)     /* one call of a tool, as a model writes it */
#define LIMIT_TOOLS            1024u          /* tools of one request */
#define LIMIT_JSON_VALUES      (4u << 20)     /* its values, roughly */
#define LIMIT_CONFIG_BYTES     (1u << 20)     /* a configuration file */
#define LIMIT_CONTEXT          (16u << 20)    /* tokens of context */
#define LIMIT_LAYERS           1024u          /* layers of a model */
#define LIMIT_HEADS            4096u          /* attention heads of a layer */
#define LIMIT_WIDTH            (1u << 20)     /* any width of a model: d_model, d_ff, head */
#define LIMIT_EXPERTS          4096u          /* experts of a layer */
#define LIMIT_ADAPTERS         16u            /* LoRA adapters of a model */
#define LIMIT_LORA_RANK        4096u          /* rank of one */
#define LIMIT_CONV_TAPS        64u            /* values a short convolution looks back to */
#define LIMIT_STATE_SIZE       1024u          /* width of a recurrent head */
#define LIMIT_STOP_SEQUENCES   64u            /* stop sequences of one request */
#define LIMIT_STOP_BYTES       1024u          /* bytes of one of them */
#define LIMIT_LOGIT_BIAS       4096u          /* tokens with a bias in one request */
#define LIMIT_MANIFEST_BYTES   (1u << 20)     /* one manifest of the store */
#define LIMIT_CATALOG_BYTES    (8u << 20)     /* a catalogue of models */
#define LIMIT_CATALOG_MODELS   65536u         /* models in it */
#define LIMIT_CATALOG_ALIASES  64u            /* further names of one of them */
#define LIMIT_CATALOG_TEXT     2048u          /* bytes of a text in it */
#define LIMIT_CATALOGS         32u            /* catalogues of one store */
#define LIMIT_HTTP_LINE        8192u          /* bytes of a request line */
#define LIMIT_HTTP_HEAD        16384u         /* bytes of a request's head */
#define LIMIT_HTTP_HEADERS     100u           /* headers of a request */
#define LIMIT_HTTP_BODY        (32u << 20)    /* bytes of a request's body */
#define LIMIT_KEYS             4096u          /* API keys of a server */
#define LIMIT_KEYS_BYTES       (2u << 20)     /* their file */
#define LIMIT_PEM_BYTES        (256u << 10)   /* a file of certificates, or of a private key */
#define LIMIT_ARCHIVE_MEMBERS  65536u         /* members looked at in a wheel */
#define LIMIT_PULL_BYTES       (4ull << 40)   /* a file that is pulled */
#define LIMIT_PULL_SOURCES     16u            /* mirrors of it */
#define LIMIT_PULL_JOURNAL     (512u << 20)   /* the record of an unfinished pull */
#define LIMIT_URL_BYTES        4096u          /* an address */
#define LIMIT_ANSWER_HEAD      (256u << 10)   /* the head of an HTTP answer */
#define LIMIT_HTTP_DOCUMENT    (8u << 20)     /* a manifest or list read over HTTP */
#define LIMIT_LINE_BYTES       (16u << 20)    /* one message between the roles */
#define LIMIT_RETRY_S          600u           /* a pause that a server may ask for */
#define LIMIT_BUNDLE_BYTES     (4ull << 40)   /* a bundle, and each file in it */
#define LIMIT_BUNDLE_LIST      (32u << 20)    /* its list of files */
#define LIMIT_BUNDLE_HEAD      (34u << 20)    /* the list with header and signature */
#define LIMIT_BUNDLE_FILES     4096u          /* files in it */
#define LIMIT_BUNDLE_PARTS     999u           /* parts it is cut into */
#define LIMIT_OMS_BYTES        (16u << 20)    /* a signature of a model, as the OpenSSF has it */
#define LIMIT_OMS_FILES        65536u         /* files, or parts of them, that it names */
#define LIMIT_LOGS_SHAPES      (256u << 10)   /* distinct shapes of log lines kept at a time */
#define LIMIT_LOGS_SHAPE_BYTES (96u << 20)    /* their bytes */
#define LIMIT_LOGS_PIPE        (1ull << 30)   /* a log that cannot be mapped */
#define LIMIT_LOGS_FIELD       (1u << 30)     /* bytes of a quoted field of a CSV file */
#define LIMIT_LOGS_WORK        (256ull << 20) /* rows sorted to settle which words vary */
#define LIMIT_LOGS_SESSIONS    (4u << 20)     /* sessions of one log */
#define LIMIT_LOGS_LINES       (64u << 20)    /* lines whose event is remembered */
#define LIMIT_DOCS_FILE        (8u << 20)     /* a document to be asked about */
#define LIMIT_DOCS_FILES       (256u << 10)   /* such documents */
#define LIMIT_DOCS_DEPTH       32u            /* folders in one another */
#define LIMIT_DOCS_INDEX       (1ull << 30)   /* their index */

#endif
