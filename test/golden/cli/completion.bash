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
    mapfile -t COMPREPLY < <(compgen -W '-i --interface --list -r --read -R --finish -l --files -p --no-promiscuous --snaplen --buffer-size --buffer-timeout --udp --no-tunnels -U --relinquish-privileges --container --service --label --network --wait --via --sidecar-image --docker-host -c --console -C --bare -J -g --color --time --summary --no-names --decode -D --hex --ascii -s --strip -B --binary -0 --no-newline -o --output -T --template -F --filename -b --max-bytes --gaps -m --max-jump -f --max-files --merge -a --all -E --only -e --enable -x --disable -Z --no-gunzip -I --index -K --pcap-per-flow -X --report --json --script -w --write --rotate-size --rotate-age --keep -q --quiet --no-notes -v --verbose -d --debug -h --help -V --version --completion -S --set -P --no-purge -H --scanner-help -L --semaphore -z --chroot' -- "$cur")
    return
  fi
  if [[ $COMP_CWORD == 1 ]]; then
    mapfile -t COMPREPLY < <(compgen -W 'containers ps' -- "$cur")
  fi
  # with -l, words are files
  if [[ " ${COMP_WORDS[*]} " == *" -l "* || " ${COMP_WORDS[*]} " == *" --files "* ]]; then
    compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur")
  fi
}

complete -F _tcpflow tcpflow
