/* SPDX-License-Identifier: Apache-2.0 */
/* cli/cmd_completion: moat completion bash: the script that completes moat's commands in a shell.
 *
 * The script holds no list of its own: it asks `moat help --words` for the commands and their
 * options, and `moat list` for the models, so it never lags behind the program. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/commands.h"

static const char bash_script[] =
    "# bash completion for moat; made by: moat completion bash\n"
    "_moat_models() {\n"
    "    \"$1\" list 2>/dev/null | awk 'NR > 1 { print $1 }'\n"
    "}\n"
    "\n"
    "# What an option or argument of this name may be.\n"
    "_moat_values() {\n"
    "    case $2 in\n"
    "    MODEL*) _moat_models \"$1\" ;;\n"
    "    TYPE) printf '%s\\n' f16 bf16 q8 f32 ;;\n"
    "    SHELL) echo bash ;;\n"
    "    COMMAND) \"$1\" help --words ;;\n"
    "    esac\n"
    "}\n"
    "\n"
    "_moat() {\n"
    "    local moat=$1 cur prev verb words options value colon IFS=$' \\t\\n'\n"
    "    # Words as the user sees them: bash splits name:tag at the colon.\n"
    "    cur=${COMP_LINE:0:COMP_POINT}\n"
    "    read -ra words <<<\"$cur\"\n"
    "    case $cur in *[[:space:]]) cur= ;; *) cur=${words[-1]} ;; esac\n"
    "    prev=${COMP_WORDS[COMP_CWORD-1]}\n"
    "    verb=${words[1]}\n"
    "    COMPREPLY=()\n"
    "    if [[ -z $verb || ($verb == \"$cur\" && ${#words[@]} -le 2) ]]; then\n"
    "        COMPREPLY=($(compgen -W \"$(\"$moat\" help --words 2>/dev/null)\" -- \"$cur\"))\n"
    "        return\n"
    "    fi\n"
    "    options=$(\"$moat\" help --words \"$verb\" 2>/dev/null)\n"
    "    value=$(awk -v o=\"$prev\" '$1 == o { print $2 }' <<<\"$options\")\n"
    "    if [[ $cur == -* ]]; then\n"
    "        COMPREPLY=($(compgen -W \"$(awk '/^-/ { print $1 }' <<<\"$options\")\" -- \"$cur\"))\n"
    "        return\n"
    "    fi\n"
    "    [[ $verb == help ]] && value=COMMAND\n"
    "    [[ -n $value ]] || value=$(awk '$1 == \"args\" { print $2 }' <<<\"$options\")\n"
    "    COMPREPLY=($(compgen -W \"$(_moat_values \"$moat\" \"$value\")\" -- \"$cur\"))\n"
    "    if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then\n"
    "        colon=${cur%\"${cur##*:}\"}\n"
    "        COMPREPLY=(\"${COMPREPLY[@]#\"$colon\"}\")\n"
    "    fi\n"
    "}\n"
    "complete -o default -F _moat moat\n";

static int run(int argc, char **argv)
{
    static const struct opt none[] = {{0}};
    const struct opt *const tables[] = {none, NULL};
    struct err e;
    bool helped = false;
    struct args args = {mem_new((size_t)argc, sizeof(char *), &e), 0};
    bool ok = args.v && opts_parse(&cmd_completion, tables, argc, argv, &args, 1, 1, &helped, &e);
    if (ok && !helped) {
        ok = strcmp(args.v[0], "bash") == 0 ||
             fail(&e, ERR_UNSUPPORTED, "no completion for the shell %s; there is one for bash",
                  args.v[0]);
        if (ok)
            fputs(bash_script, stdout);
    }
    mem_free(args.v);
    return ok ? 0 : opts_report(&e);
}

const struct command cmd_completion = {
    "completion",
    "SHELL",
    N_("print a script that completes commands in a shell"),
    N_("For this session: eval \"$(moat completion bash)\". For good, put the output into "
       "~/.local/share/bash-completion/completions/moat."),
    run,
};
