// What all three completion scripts draw from.

import type { Flag } from '../flag.ts'

/** POSIX sh: all interfaces and `any`, without starting tcpflow. */
export const LIST_INTERFACES = '{ ls /sys/class/net 2>/dev/null || ifconfig -l 2>/dev/null; echo any; }'

/** Names of the running containers, from the engine that tcpflow would ask. */
export const LIST_CONTAINERS = 'tcpflow containers -q 2>/dev/null'

/** Ids of findings. */
export const LIST_FINDINGS = "tcpflow diagnose --color=never --explain 2>/dev/null | cut -d ' ' -f 1"

/** The beginning of a flag's help, for the menus of zsh and fish. */
export function briefHelp(flag: Flag): string {
  const brief = flag.help.split(/[.;:,] |[.;:]$| \(/)[0]!
  return brief.length <= 70 ? brief : `${brief.slice(0, 69)}…`
}
