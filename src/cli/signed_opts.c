/* SPDX-License-Identifier: Apache-2.0 */
/* cli/signed_opts: see signed_opts.h. */
#include "cli/signed_opts.h"

bool take_trusted(void *trust, struct str file, struct err *e)
{
    struct oms_trust *t = trust;
    if (t->n_certificate == OMS_TRUSTED)
        return fail(e, ERR_LIMIT, "%d files of certificates are the most", OMS_TRUSTED);
    t->certificate[t->n_certificate++] = file.p;
    return true;
}

bool signed_opts_check(const struct signed_opts *o, struct err *e)
{
    bool key = o->trust.public_key != NULL, chain = o->trust.n_certificate != 0;
    if (o->signature && key == chain)
        return fail(e, ERR_USAGE,
                    "--signature needs either --public-key or --certificate-chain: whose signature "
                    "it must be");
    return o->signature || (!key && !chain) ||
           fail(e, ERR_USAGE, "--public-key and --certificate-chain need --signature");
}
