# bash completion for tcpflow. To use it: source <(tcpflow --completion bash)

_tcpflow() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} joined=
  local IFS=$' \t\n'
  COMPREPLY=()
  # bash takes --flag=value for three words
  if [[ $cur == = ]]; then
    cur= joined=1
  elif [[ $prev == = ]]; then
    prev=${COMP_WORDS[COMP_CWORD-2]} joined=1
  fi
  if [[ $COMP_CWORD -gt 1 ]]; then
    case ${COMP_WORDS[1]} in
      containers|ps) _tcpflow_containers; return ;;
      latency) _tcpflow_latency; return ;;
      diagnose) _tcpflow_diagnose; return ;;
    esac
  fi
  case $prev in
    -i|-[!-]*i|--interface) mapfile -t COMPREPLY < <(compgen -W "$({ ls /sys/class/net 2>/dev/null || ifconfig -l 2>/dev/null; echo any; })" -- "$cur"); return ;;
    -r|-[!-]*r|--read) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    -R|-[!-]*R|--finish) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    --snaplen) COMPREPLY=(); return ;;
    --buffer-size) COMPREPLY=(); return ;;
    --buffer-timeout) COMPREPLY=(); return ;;
    -U|-[!-]*U|--relinquish-privileges) mapfile -t COMPREPLY < <(compgen -u -- "$cur"); return ;;
    --container) mapfile -t COMPREPLY < <(compgen -W "$(tcpflow containers -q 2>/dev/null)" -- "$cur"); return ;;
    --service) COMPREPLY=(); return ;;
    --label) COMPREPLY=(); return ;;
    --network) COMPREPLY=(); return ;;
    --via) mapfile -t COMPREPLY < <(compgen -W 'veth bridge netns sidecar' -- "$cur"); return ;;
    --sidecar-image) COMPREPLY=(); return ;;
    --docker-host) COMPREPLY=(); return ;;
    --color) [[ $joined || $cur != -* ]] && { mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$cur"); return; } ;;
    -o|-[!-]*o|--output) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
    -T|-[!-]*T|--template) COMPREPLY=(); return ;;
    -F|-[!-]*F|--filename) COMPREPLY=(); return ;;
    -b|-[!-]*b|--max-bytes) COMPREPLY=(); return ;;
    --gaps) mapfile -t COMPREPLY < <(compgen -W 'hole mark skip' -- "$cur"); return ;;
    -m|-[!-]*m|--max-jump) COMPREPLY=(); return ;;
    -f|-[!-]*f|--max-files) COMPREPLY=(); return ;;
    -E|-[!-]*E|--only) mapfile -t COMPREPLY < <(compgen -W 'http md5 all' -- "$cur"); return ;;
    -e|-[!-]*e|--enable) mapfile -t COMPREPLY < <(compgen -W 'http md5 all' -- "$cur"); return ;;
    -x|-[!-]*x|--disable) mapfile -t COMPREPLY < <(compgen -W 'http md5 all' -- "$cur"); return ;;
    --max-unpacked) COMPREPLY=(); return ;;
    -X|-[!-]*X|--report) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    --json) [[ $joined || $cur != -* ]] && { mapfile -t COMPREPLY < <(compgen -W 'text base64 none' -- "$cur"); return; } ;;
    --script) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    -w|-[!-]*w|--write) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    --rotate-size) COMPREPLY=(); return ;;
    --rotate-age) COMPREPLY=(); return ;;
    --keep) COMPREPLY=(); return ;;
    -d|-[!-]*d|--debug) COMPREPLY=(); return ;;
    --completion) [[ $joined || $cur != -* ]] && { mapfile -t COMPREPLY < <(compgen -W 'bash zsh fish' -- "$cur"); return; } ;;
    -S|-[!-]*S|--set) COMPREPLY=(); return ;;
    -L|-[!-]*L|--semaphore) COMPREPLY=(); return ;;
    -z|-[!-]*z|--chroot) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
  esac
  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W '-i --interface --list -r --read -R --finish -l --files -p --no-promiscuous --snaplen --buffer-size --buffer-timeout --udp --no-tunnels -U --relinquish-privileges --container --service --label --network --wait --via --sidecar-image --docker-host -c --console -C --bare -J -g --color --time --summary --no-names --decode -D --hex --ascii -s --strip -B --binary -0 --no-newline -o --output -T --template -F --filename -b --max-bytes --gaps -m --max-jump -f --max-files --merge -a --all -E --only -e --enable -x --disable -Z --no-gunzip --max-unpacked -I --index -K --pcap-per-flow -X --report --json --script -w --write --rotate-size --rotate-age --keep -q --quiet --no-notes -v --verbose -d --debug -h --help -V --version --completion -S --set -P --no-purge -H --scanner-help -L --semaphore -z --chroot' -- "$cur")
    return
  fi
  if [[ $COMP_CWORD == 1 ]]; then
    mapfile -t COMPREPLY < <(compgen -W 'containers ps latency diagnose help' -- "$cur")
  fi
  # with -l, words are files
  if [[ " ${COMP_WORDS[*]} " == *" -l "* || " ${COMP_WORDS[*]} " == *" --files "* ]]; then
    compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur")
  fi
}

_tcpflow_containers() {
  case $prev in
    --color) [[ $joined || $cur != -* ]] && { mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$cur"); return; } ;;
    --docker-host) COMPREPLY=(); return ;;
  esac
  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W '-q --quiet --json -J -g --color --docker-host -h --help -V --version' -- "$cur")
  fi
}

_tcpflow_latency() {
  case $prev in
    -i|-[!-]*i|--interface) mapfile -t COMPREPLY < <(compgen -W "$({ ls /sys/class/net 2>/dev/null || ifconfig -l 2>/dev/null; echo any; })" -- "$cur"); return ;;
    -r|-[!-]*r|--read) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    -R|-[!-]*R|--finish) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    --snaplen) COMPREPLY=(); return ;;
    --buffer-size) COMPREPLY=(); return ;;
    --buffer-timeout) COMPREPLY=(); return ;;
    -U|-[!-]*U|--relinquish-privileges) mapfile -t COMPREPLY < <(compgen -u -- "$cur"); return ;;
    --container) mapfile -t COMPREPLY < <(compgen -W "$(tcpflow containers -q 2>/dev/null)" -- "$cur"); return ;;
    --service) COMPREPLY=(); return ;;
    --label) COMPREPLY=(); return ;;
    --network) COMPREPLY=(); return ;;
    --via) mapfile -t COMPREPLY < <(compgen -W 'veth bridge netns sidecar' -- "$cur"); return ;;
    --sidecar-image) COMPREPLY=(); return ;;
    --docker-host) COMPREPLY=(); return ;;
    -p|-[!-]*p|--protocol) mapfile -t COMPREPLY < <(compgen -W 'auto redis memcached http dns raw' -- "$cur"); return ;;
    -t|-[!-]*t|--slower) COMPREPLY=(); return ;;
    --top) COMPREPLY=(); return ;;
    --by) mapfile -t COMPREPLY < <(compgen -W 'server container command route key' -- "$cur"); return ;;
    --every) COMPREPLY=(); return ;;
    --timeout) COMPREPLY=(); return ;;
    --stats) [[ $joined || $cur != -* ]] && { COMPREPLY=(); return; } ;;
    --metrics) [[ $joined || $cur != -* ]] && { COMPREPLY=(); return; } ;;
    --color) [[ $joined || $cur != -* ]] && { mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$cur"); return; } ;;
    --script) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    -w|-[!-]*w|--write) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    --rotate-size) COMPREPLY=(); return ;;
    --rotate-age) COMPREPLY=(); return ;;
    --keep) COMPREPLY=(); return ;;
    -d|-[!-]*d|--debug) COMPREPLY=(); return ;;
  esac
  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W '-i --interface --list -r --read -R --finish -l --files --no-promiscuous --snaplen --buffer-size --buffer-timeout --no-tunnels -U --relinquish-privileges --container --service --label --network --wait --via --sidecar-image --docker-host -p --protocol -t --slower --top --json --by --table --every --timeout --compare --stats --metrics -J -g --color --no-names --script -w --write --rotate-size --rotate-age --keep -q --quiet --no-notes -v --verbose -d --debug -h --help -V --version' -- "$cur")
  fi
}

_tcpflow_diagnose() {
  case $prev in
    -i|-[!-]*i|--interface) mapfile -t COMPREPLY < <(compgen -W "$({ ls /sys/class/net 2>/dev/null || ifconfig -l 2>/dev/null; echo any; })" -- "$cur"); return ;;
    -r|-[!-]*r|--read) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    -R|-[!-]*R|--finish) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    --snaplen) COMPREPLY=(); return ;;
    --buffer-size) COMPREPLY=(); return ;;
    --buffer-timeout) COMPREPLY=(); return ;;
    -U|-[!-]*U|--relinquish-privileges) mapfile -t COMPREPLY < <(compgen -u -- "$cur"); return ;;
    --container) mapfile -t COMPREPLY < <(compgen -W "$(tcpflow containers -q 2>/dev/null)" -- "$cur"); return ;;
    --service) COMPREPLY=(); return ;;
    --label) COMPREPLY=(); return ;;
    --network) COMPREPLY=(); return ;;
    --via) mapfile -t COMPREPLY < <(compgen -W 'veth bridge netns sidecar' -- "$cur"); return ;;
    --sidecar-image) COMPREPLY=(); return ;;
    --docker-host) COMPREPLY=(); return ;;
    --explain) [[ $joined || $cur != -* ]] && { mapfile -t COMPREPLY < <(compgen -W "$(tcpflow diagnose --color=never --explain 2>/dev/null | cut -d ' ' -f 1)" -- "$cur"); return; } ;;
    --id) mapfile -t COMPREPLY < <(compgen -W "$(tcpflow diagnose --color=never --explain 2>/dev/null | cut -d ' ' -f 1)" -- "$cur"); return ;;
    --not-id) mapfile -t COMPREPLY < <(compgen -W "$(tcpflow diagnose --color=never --explain 2>/dev/null | cut -d ' ' -f 1)" -- "$cur"); return ;;
    --min-severity) mapfile -t COMPREPLY < <(compgen -W 'error warning note' -- "$cur"); return ;;
    --slow) COMPREPLY=(); return ;;
    --hung-after) COMPREPLY=(); return ;;
    --every) COMPREPLY=(); return ;;
    --keep-around) mapfile -t COMPREPLY < <(compgen -W "$(tcpflow diagnose --color=never --explain 2>/dev/null | cut -d ' ' -f 1)" -- "$cur"); return ;;
    --keep-memory) COMPREPLY=(); return ;;
    --color) [[ $joined || $cur != -* ]] && { mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$cur"); return; } ;;
    -w|-[!-]*w|--write) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    --rotate-size) COMPREPLY=(); return ;;
    --rotate-age) COMPREPLY=(); return ;;
    --keep) COMPREPLY=(); return ;;
    -d|-[!-]*d|--debug) COMPREPLY=(); return ;;
  esac
  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W '-i --interface --list -r --read -R --finish -l --files --no-promiscuous --snaplen --buffer-size --buffer-timeout --no-tunnels -U --relinquish-privileges --container --service --label --network --wait --via --sidecar-image --docker-host --explain --id --not-id --min-severity --slow --hung-after --json --every --keep-around --keep-memory --exit-code -J -g --color --no-names -w --write --rotate-size --rotate-age --keep -q --quiet -v --verbose -d --debug -h --help -V --version' -- "$cur")
  fi
}

complete -F _tcpflow tcpflow
