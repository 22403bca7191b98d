# shellcheck shell=bash
# bash completion of emqx_ctl: asks the tool, which asks the daemon.
_emqx_ctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} cword=$COMP_CWORD words=("${COMP_WORDS[@]}") line
	declare -F _get_comp_words_by_ref >/dev/null && _get_comp_words_by_ref -n := cur words cword
	COMPREPLY=()
	while IFS=$'\t' read -r line _; do
		printf -v line %q "$line" && COMPREPLY+=("$line")
	done < <("${words[0]}" __complete "${words[@]:1:cword}" 2>/dev/null)
	[[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]] && compopt -o nospace
	declare -F __ltrim_colon_completions >/dev/null && __ltrim_colon_completions "$cur"
}
complete -F _emqx_ctl emqx_ctl
