# fish completion of emqx_ctl: asks the tool, which asks the daemon.
function __emqx_ctl_complete
	set -l words (commandline -opc)
	set -l last (commandline -ct)
	$words[1] __complete $words[2..-1] "$last" 2>/dev/null
end
complete -c emqx_ctl -f -a '(__emqx_ctl_complete)'
