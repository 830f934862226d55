// Whether a descriptor is a terminal.

import { fstatSync } from 'node:fs'

/** Major 1, minor 3. */
const LINUX_DEV_NULL = 0x103

/**
 * node:tty brings node:net along, a tenth of what a start costs, so it is asked only
 * where it can say yes: not about files, pipes, sockets and /dev/null.
 */
export function isTerminal(descriptor: number): boolean {
  try {
    const status = fstatSync(descriptor)
    if (!status.isCharacterDevice() || status.rdev === LINUX_DEV_NULL) return false
  } catch {
    return false
  }
  return process.getBuiltinModule('node:tty').isatty(descriptor)
}
