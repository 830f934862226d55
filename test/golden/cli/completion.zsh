#compdef tcpflow
# zsh completion for tcpflow. To use it: source <(tcpflow --completion zsh)

_tcpflow_interfaces() {
  local -a names
  names=($({ ls /sys/class/net 2>/dev/null || ifconfig -l 2>/dev/null; echo any; }))
  compadd -a names
}

_tcpflow_containers() {
  local -a names
  names=($(tcpflow containers -q 2>/dev/null))
  compadd -a names
}

_tcpflow_findings() {
  local -a ids
  ids=($(tcpflow diagnose --color=never --explain 2>/dev/null | cut -d ' ' -f 1))
  compadd -a ids
}

_tcpflow() {
  if (( CURRENT > 2 )); then
    case $words[2] in
      containers|ps) _tcpflow_containers; return ;;
      latency) _tcpflow_latency; return ;;
      diagnose) _tcpflow_diagnose; return ;;
    esac
  fi
  _arguments -s -S \
    '*-i+[Capture on this interface]:name:_tcpflow_interfaces' \
    '*--interface=[Capture on this interface]:name:_tcpflow_interfaces' \
    '*--list[List the interfaces]' \
    '*-r+[Read a capture file]:file:_files' \
    '*--read=[Read a capture file]:file:_files' \
    '*-R+[Read this file after those of -r]:file:_files' \
    '*--finish=[Read this file after those of -r]:file:_files' \
    '*-l[All words that are not flags are capture files to read]' \
    '*--files[All words that are not flags are capture files to read]' \
    '*-p[Do not put the interface into promiscuous mode]' \
    '*--no-promiscuous[Do not put the interface into promiscuous mode]' \
    '*--snaplen=[Capture no more than this of each packet]:bytes:' \
    '*--buffer-size=[The kernel'\''s capture buffer]:size:' \
    '*--buffer-timeout=[How long the kernel may hold packets back before it hands them over]:time:' \
    '*--udp[Show UDP datagrams as well]' \
    '*--no-tunnels[Do not look inside tunnels]' \
    '*-U+[When started as root]:user:_users' \
    '*--relinquish-privileges=[When started as root]:user:_users' \
    '*--container=[Capture this container]:name:_tcpflow_containers' \
    '*--service=[Capture all containers of this Compose or Swarm service]:name:' \
    '*--label=[Capture all containers with this label]:key[=value]:' \
    '*--network=[Capture everything on this Docker network]:name:' \
    '*--wait[Wait for the containers if they do not run yet]' \
    '*--via=[Where to capture]:way:(veth bridge netns sidecar)' \
    '*--sidecar-image=[The image of the sidecar]:image:' \
    '*--docker-host=[The container engine]:url:' \
    '*-c[Print what both sides say]' \
    '*--console[Print what both sides say]' \
    '*-C[As -c]' \
    '*--bare[As -c]' \
    '*-J[Use colour]' \
    '*-g[Use colour]' \
    '*--color=-[When to use colour]::when:(auto always never)' \
    '*--time[Put the time of the packet in front]' \
    '*--summary[Print a line for each connection when it ends]' \
    '*--no-names[Show addresses and not names of hosts]' \
    '*--decode[Print HTTP bodies in readable form]' \
    '*-D[Print a hex dump]' \
    '*--hex[Print a hex dump]' \
    '*--ascii[Print a dot for every byte that is not printable ASCII]' \
    '*-s[Replace every byte that is not printable ASCII by a dot]' \
    '*--strip[Replace every byte that is not printable ASCII by a dot]' \
    '*-B[Print the bytes as they are]' \
    '*--binary[Print the bytes as they are]' \
    '*-0[Add no newline after each piece]' \
    '*--no-newline[Add no newline after each piece]' \
    '*-o+[Write one file for each flow]:dir:_files -/' \
    '*--output=[Write one file for each flow]:dir:_files -/' \
    '*-T+[Names of the files]:template:' \
    '*--template=[Names of the files]:template:' \
    '*-F+[Change the names by letters]:letters:' \
    '*--filename=[Change the names by letters]:letters:' \
    '*-b+[Keep no more than this of each flow]:size:' \
    '*--max-bytes=[Keep no more than this of each flow]:size:' \
    '*--gaps=[What to write for bytes that are missing from the capture]:how:(hole mark skip)' \
    '*-m+[If the sequence number jumps by more than this]:size:' \
    '*--max-jump=[If the sequence number jumps by more than this]:size:' \
    '*-f+[Keep at most so many files open at once]:n:' \
    '*--max-files=[Keep at most so many files open at once]:n:' \
    '*--merge[Write both directions of a connection to one file]' \
    '*-a[Do all processing]' \
    '*--all[Do all processing]' \
    '*-E+[Do this processing and no other]:scanner:(http md5 all)' \
    '*--only=[Do this processing and no other]:scanner:(http md5 all)' \
    '*-e+[Do this processing too]:scanner:(http md5 all)' \
    '*--enable=[Do this processing too]:scanner:(http md5 all)' \
    '*-x+[Leave this processing out]:scanner:(http md5 all)' \
    '*--disable=[Leave this processing out]:scanner:(http md5 all)' \
    '*-Z[Leave compressed bodies compressed]' \
    '*--no-gunzip[Leave compressed bodies compressed]' \
    '*--max-unpacked=[With -e http and --decode]:size:' \
    '*-I[Write FLOW.findx beside each file]' \
    '*--index[Write FLOW.findx beside each file]' \
    '*-K[Beside each file]' \
    '*--pcap-per-flow[Beside each file]' \
    '*-X+[Write the DFXML report to this file]:file:_files' \
    '*--report=[Write the DFXML report to this file]:file:_files' \
    '*--json=-[Print a line of JSON for each event]::payload:(text base64 none)' \
    '*--script=[Give the traffic to a script and show what the script prints]:file:_files' \
    '*-w+[Save every packet too]:file:_files' \
    '*--write=[Save every packet too]:file:_files' \
    '*--rotate-size=[Begin a new file when one has reached this size]:size:' \
    '*--rotate-age=[Begin a new file after so long]:time:' \
    '*--keep=[Keep only the newest N files]:n:' \
    '*-q[Print no start line]' \
    '*--quiet[Print no start line]' \
    '*--no-notes[Print no lines about refused]' \
    '*-v[Say when each connection begins and ends]' \
    '*--verbose[Say when each connection begins and ends]' \
    '*-d+[How much to say]:n:' \
    '*--debug=[How much to say]:n:' \
    '*-h[Show this text]' \
    '*--help[Show this text]' \
    '*-V[Show the version]' \
    '*--version[Show the version]' \
    '*--completion=-[Print a completion script for bash]::shell:(bash zsh fish)' \
    '*-S+[Settings]:name=value:' \
    '*--set=[Settings]:name=value:' \
    '*-P[Does nothing]' \
    '*--no-purge[Does nothing]' \
    '*-H[Refused]' \
    '*--scanner-help[Refused]' \
    '*-L+[Refused]:name:' \
    '*--semaphore=[Refused]:name:' \
    '*-z+[Refused]:dir:_files -/' \
    '*--chroot=[Refused]:dir:_files -/' \
    '1:command or filter:(containers ps latency diagnose help)' \
    '*:filter or file: _files'
}

_tcpflow_containers() {
  shift words
  (( CURRENT-- ))
  _arguments -s -S \
    '*-q[Print only the names]' \
    '*--quiet[Print only the names]' \
    '*--json[Print JSON]' \
    '*-J[Use colour even if the output is not a terminal]' \
    '*-g[Use colour even if the output is not a terminal]' \
    '*--color=-[When to use colour]::when:(auto always never)' \
    '*--docker-host=[The container engine]:url:' \
    '*-h[Show this text]' \
    '*--help[Show this text]' \
    '*-V[Show the version]' \
    '*--version[Show the version]' \
    '*:filter: '
}

_tcpflow_latency() {
  shift words
  (( CURRENT-- ))
  _arguments -s -S \
    '*-i+[Capture on this interface]:name:_tcpflow_interfaces' \
    '*--interface=[Capture on this interface]:name:_tcpflow_interfaces' \
    '*--list[List the interfaces]' \
    '*-r+[Read a capture file]:file:_files' \
    '*--read=[Read a capture file]:file:_files' \
    '*-R+[Read this file after those of -r]:file:_files' \
    '*--finish=[Read this file after those of -r]:file:_files' \
    '*-l[All words that are not flags are capture files to read]' \
    '*--files[All words that are not flags are capture files to read]' \
    '*--no-promiscuous[Do not put the interface into promiscuous mode]' \
    '*--snaplen=[Capture no more than this of each packet]:bytes:' \
    '*--buffer-size=[The kernel'\''s capture buffer]:size:' \
    '*--buffer-timeout=[How long the kernel may hold packets back before it hands them over]:time:' \
    '*--no-tunnels[Do not look inside tunnels]' \
    '*-U+[When started as root]:user:_users' \
    '*--relinquish-privileges=[When started as root]:user:_users' \
    '*--container=[Capture this container]:name:_tcpflow_containers' \
    '*--service=[Capture all containers of this Compose or Swarm service]:name:' \
    '*--label=[Capture all containers with this label]:key[=value]:' \
    '*--network=[Capture everything on this Docker network]:name:' \
    '*--wait[Wait for the containers if they do not run yet]' \
    '*--via=[Where to capture]:way:(veth bridge netns sidecar)' \
    '*--sidecar-image=[The image of the sidecar]:image:' \
    '*--docker-host=[The container engine]:url:' \
    '*-p+[The protocol]:name:(auto redis memcached http dns raw)' \
    '*--protocol=[The protocol]:name:(auto redis memcached http dns raw)' \
    '*-t+[Print only what took at least so long]:ms:' \
    '*--slower=[Print only what took at least so long]:ms:' \
    '*--top=[Print only the N slowest]:n:' \
    '*--json[Print a line of JSON for each exchange]' \
    '*--by=[Rows of the table]:what:(server container command route key)' \
    '*--table[Print only the table]' \
    '*--every=[Print the table again after each such time]:time:' \
    '*--timeout=[In a live capture]:time:' \
    '*--compare[Compare two captures of the same traffic]' \
    '*--stats=-[Send counts and latencies of each server]::port:' \
    '*--metrics=-[Serve HTTP on this port]::port:' \
    '*-J[Use colour for slow requests and errors]' \
    '*-g[Use colour for slow requests and errors]' \
    '*--color=-[When to use colour]::when:(auto always never)' \
    '*--no-names[Show addresses and not names of hosts]' \
    '*--script=[Give the traffic to a script and show what the script prints]:file:_files' \
    '*-w+[Save every packet too]:file:_files' \
    '*--write=[Save every packet too]:file:_files' \
    '*--rotate-size=[Begin a new file when one has reached this size]:size:' \
    '*--rotate-age=[Begin a new file after so long]:time:' \
    '*--keep=[Keep only the newest N files]:n:' \
    '*-q[Print no start line]' \
    '*--quiet[Print no start line]' \
    '*--no-notes[Print no lines about refused]' \
    '*-v[Say when each connection begins and ends]' \
    '*--verbose[Say when each connection begins and ends]' \
    '*-d+[How much to say]:n:' \
    '*--debug=[How much to say]:n:' \
    '*-h[Show this text]' \
    '*--help[Show this text]' \
    '*-V[Show the version]' \
    '*--version[Show the version]' \
    '*:filter: '
}

_tcpflow_diagnose() {
  shift words
  (( CURRENT-- ))
  _arguments -s -S \
    '*-i+[Capture on this interface]:name:_tcpflow_interfaces' \
    '*--interface=[Capture on this interface]:name:_tcpflow_interfaces' \
    '*--list[List the interfaces]' \
    '*-r+[Read a capture file]:file:_files' \
    '*--read=[Read a capture file]:file:_files' \
    '*-R+[Read this file after those of -r]:file:_files' \
    '*--finish=[Read this file after those of -r]:file:_files' \
    '*-l[All words that are not flags are capture files to read]' \
    '*--files[All words that are not flags are capture files to read]' \
    '*--no-promiscuous[Do not put the interface into promiscuous mode]' \
    '*--snaplen=[Capture no more than this of each packet]:bytes:' \
    '*--buffer-size=[The kernel'\''s capture buffer]:size:' \
    '*--buffer-timeout=[How long the kernel may hold packets back before it hands them over]:time:' \
    '*--no-tunnels[Do not look inside tunnels]' \
    '*-U+[When started as root]:user:_users' \
    '*--relinquish-privileges=[When started as root]:user:_users' \
    '*--container=[Capture this container]:name:_tcpflow_containers' \
    '*--service=[Capture all containers of this Compose or Swarm service]:name:' \
    '*--label=[Capture all containers with this label]:key[=value]:' \
    '*--network=[Capture everything on this Docker network]:name:' \
    '*--wait[Wait for the containers if they do not run yet]' \
    '*--via=[Where to capture]:way:(veth bridge netns sidecar)' \
    '*--sidecar-image=[The image of the sidecar]:image:' \
    '*--docker-host=[The container engine]:url:' \
    '*--explain=-[Print what a finding means]::id:_tcpflow_findings' \
    '*--id=[Tell only these findings]:id:_tcpflow_findings' \
    '*--not-id=[Do not tell these findings]:id:_tcpflow_findings' \
    '*--min-severity=[Tell only findings that are so serious or more]:severity:(error warning note)' \
    '*--slow=[An answer that takes longer is slow]:time:' \
    '*--hung-after=[A request that has waited for longer counts as unanswered]:time:' \
    '*--json[Print a line of JSON for each finding when it is found]' \
    '*--every=[Print the report again after each such time]:time:' \
    '*--keep-around=[With -w FILE]:what:_tcpflow_findings' \
    '*--keep-memory=[How much memory --keep-around may take for packets]:size:' \
    '*--exit-code[End with exit code 3 if there was an error]' \
    '*-J[Use colour for errors and warnings]' \
    '*-g[Use colour for errors and warnings]' \
    '*--color=-[When to use colour]::when:(auto always never)' \
    '*--no-names[Show addresses and not names of hosts]' \
    '*-w+[Save every packet too]:file:_files' \
    '*--write=[Save every packet too]:file:_files' \
    '*--rotate-size=[Begin a new file when one has reached this size]:size:' \
    '*--rotate-age=[Begin a new file after so long]:time:' \
    '*--keep=[Keep only the newest N files]:n:' \
    '*-q[Print no start line]' \
    '*--quiet[Print no start line]' \
    '*-v[Say when each connection begins and ends]' \
    '*--verbose[Say when each connection begins and ends]' \
    '*-d+[How much to say]:n:' \
    '*--debug=[How much to say]:n:' \
    '*-h[Show this text]' \
    '*--help[Show this text]' \
    '*-V[Show the version]' \
    '*--version[Show the version]' \
    '*:filter: '
}

if [ "${funcstack[1]}" = _tcpflow ]; then _tcpflow "$@"; else compdef _tcpflow tcpflow; fi
