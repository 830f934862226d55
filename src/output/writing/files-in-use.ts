// Which file a name or a descriptor stands for, whatever it is called: through hard and symbolic links, standard input
// and output. Used before something is overwritten.

import { type BigIntStats, fstatSync, lstatSync, readlinkSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'

/** As many symbolic links in a row as Linux follows. */
const MAXIMUM_LINKS = 40

/** Files by device and inode. Terminals, /dev/null and sockets do not count: anybody may write to them at any time. */
export class FilesInUse {
  readonly #names = new Map<string, string>()

  /** `file`: a path or a descriptor. A file that does not exist, or that we may not look at, is not in use. */
  add(file: string | number, called: string): void {
    const identity = identityOf(file)
    if (identity !== undefined && !this.#names.has(identity)) this.#names.set(identity, called)
  }

  /** The name under which a file was added; undefined if it was not. */
  nameOf(file: string | number): string | undefined {
    const identity = identityOf(file)
    return identity === undefined ? undefined : this.#names.get(identity)
  }
}

function identityOf(file: string | number): string | undefined {
  let status: BigIntStats
  try {
    status = typeof file === 'number' ? fstatSync(file, { bigint: true }) : statSync(file, { bigint: true })
  } catch {
    return undefined
  }
  const counts = status.isFile() || status.isFIFO() || status.isBlockDevice()
  return counts ? `${status.dev}:${status.ino}` : undefined
}

/**
 * The path without symbolic links at which a file of this name lies or would be made; undefined for what lies in /proc, such
 * as /dev/stdout: a descriptor that somebody holds, not a name. Throws a system error where the folder is missing.
 */
export function placeOf(path: string): string | undefined {
  let at = resolve(path)
  for (let links = 0; links < MAXIMUM_LINKS; links++) {
    const folder = realpathSync(dirname(at))
    if (folder === '/proc' || folder.startsWith('/proc/')) return undefined
    at = join(folder, basename(at))
    if (lstatSync(at, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return at
    at = resolve(folder, readlinkSync(at))
  }
  return undefined
}
