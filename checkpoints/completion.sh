# For bash and zsh:  source checkpoints/completion.sh
#
# It brings the command `workbook`, which is what make calls, and completes it with the TAB key.

if [ -n "${ZSH_VERSION-}" ]; then
    _workbook_root=${${(%):-%x}:A:h:h}
    whence compdef >/dev/null || { autoload -Uz compinit && compinit -i; }
    whence complete >/dev/null || { autoload -Uz bashcompinit && bashcompinit; }
else
    _workbook_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
fi

workbook() {
    "${PYTHON:-python3}" -ES "$_workbook_root/checkpoints/bootstrap.py" run -- "$@"
}

_workbook() {
    local python="$_workbook_root/.venv/bin/python" line=${COMP_LINE:0:$COMP_POINT} IFS=$'\n' word
    COMPREPLY=()
    [ -x "$python" ] || return 0 # the first command makes it; a TAB does not
    COMPREPLY=($("$python" -m checkpoints.completion "$line" 2>/dev/null))
    # bash takes what follows a : or = for a word of its own, and wants only that.
    if [ -n "${BASH_VERSION-}" ]; then
        word=${line##*[[:space:]=]}
        word=${word%"${word##*["$COMP_WORDBREAKS"]}"}
        COMPREPLY=("${COMPREPLY[@]#"$word"}")
    fi
}

complete -o default -F _workbook workbook
