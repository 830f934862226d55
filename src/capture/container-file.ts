// Reads one file of a container as its processes would see it, with the host's rights and without being led astray: a
// container is its own root, and an absolute link in it would otherwise name a file of the host.
//
// Each component is opened relative to the folder before (/proc/self/fd/N/NAME, which is openat(2)) without following links.
// Links are resolved here, against the container's root, where `..` stops too. procfs is not entered: its links lead
// anywhere. FUSE is not either: whoever serves it can keep a reader waiting for ever.

import { closeSync, constants, fstatSync, openSync, readFileSync, readlinkSync, readSync, statfsSync } from 'node:fs'

export interface ContainerFileRequest {
  /** A process of the container, and the inode of the network namespace that it must turn out to be in. */
  readonly pid: number
  readonly namespaceInode: string
  /** Absolute, in the container. */
  readonly path: string
}

export const MAXIMUM_FILE_BYTES = 16 << 20
const MAXIMUM_LINKS = 40
const MAXIMUM_STEPS = 512
const MAXIMUM_PATH_CHARACTERS = 4096
const MAXIMUM_PID = 2 ** 22
/** open(2): a place in the tree, without reading what is there. Node has no name for it. */
const O_PATH = 0o10_000_000
/** statfs(2) */
const PROC_MAGIC = 0x9fa0
const FUSE_MAGIC = 0x65735546

/** The request if `value` is one and nothing else, else what is wrong with it. */
export function checkContainerFileRequest(value: unknown): ContainerFileRequest | string {
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 3)
    return 'the request has the wrong fields'
  const { pid, namespaceInode, path } = value as Record<string, unknown>
  if (typeof pid !== 'number' || !Number.isInteger(pid) || pid < 1 || pid > MAXIMUM_PID) return 'not a process'
  if (typeof namespaceInode !== 'string' || !/^\d{1,20}$/.test(namespaceInode)) return 'not a network namespace'
  if (
    typeof path !== 'string' ||
    !path.startsWith('/') ||
    path.includes('\0') ||
    path.length > MAXIMUM_PATH_CHARACTERS
  ) {
    return 'the path must be absolute'
  }
  return { pid, namespaceInode, path }
}

/** Its bytes, or why not. Never throws. `onOpen` is called between opening and reading (tests). */
export function readContainerFile(request: ContainerFileRequest, onOpen = (): void => {}): Buffer | string {
  const { pid, namespaceInode, path } = request
  try {
    const began = startOf(pid)
    const place = new Place(openSync(`/proc/${pid}/root`, O_PATH | constants.O_DIRECTORY))
    try {
      const problem = place.walk(path)
      if (problem !== undefined) return problem
      const file = place.openHere()
      try {
        onOpen()
        // The number may be another's by now.
        if (readlinkSync(`/proc/${pid}/ns/net`) !== `net:[${namespaceInode}]` || startOf(pid) !== began) {
          return 'the container has ended meanwhile'
        }
        return readRegularFile(file)
      } finally {
        closeSync(file)
      }
    } finally {
      place.close()
    }
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
      ? 'there is no such file'
      : String((error as Error).message)
  }
}

/** When a process began, in clock ticks: proc(5), field 22 of stat, behind the name in parentheses. */
function startOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

function readRegularFile(file: number): Buffer | string {
  const stats = fstatSync(file)
  if (!stats.isFile()) return 'it is no regular file'
  if (stats.size > MAXIMUM_FILE_BYTES) return tooLong()
  const chunks: Buffer[] = []
  for (let bytes = 0; ; ) {
    const chunk = Buffer.allocUnsafe(65_536)
    const read = readSync(file, chunk)
    if (read === 0) return Buffer.concat(chunks)
    bytes += read
    if (bytes > MAXIMUM_FILE_BYTES) return tooLong()
    chunks.push(chunk.subarray(0, read))
  }
}

function tooLong(): string {
  return `it is longer than ${MAXIMUM_FILE_BYTES >> 20} MiB`
}

/** Where we are below the container's root: a descriptor for each folder on the way, and at last one for the file. */
class Place {
  /** The root first. */
  readonly #folders: number[]
  #file: number | undefined

  constructor(root: number) {
    this.#folders = [root]
  }

  /** Goes to a file; returns what is in the way. Throws errors of the file system. */
  walk(path: string): string | undefined {
    const pending = path.split('/').reverse()
    let links = 0
    for (let steps = 0; pending.length > 0; steps++) {
      if (steps > MAXIMUM_STEPS) return 'the path is too long'
      const name = pending.pop()!
      if (name === '' || name === '.') continue
      if (this.#file !== undefined) return 'a part of the path is no folder'
      if (name === '..') {
        if (this.#folders.length > 1) closeSync(this.#folders.pop()!)
        continue
      }
      const refusal = this.#enter(name)
      if (refusal === undefined) continue
      if (!('link' in refusal)) return refusal.why
      if (++links > MAXIMUM_LINKS) return 'there are too many links'
      if (refusal.link.startsWith('/')) this.#backToRoot()
      pending.push(...refusal.link.split('/').reverse())
    }
    return this.#file === undefined ? 'it is no regular file' : undefined
  }

  /** Steps into a folder, or onto a file. A link is not followed: its target is returned. */
  #enter(name: string): { readonly link: string } | { readonly why: string } | undefined {
    const at = `/proc/self/fd/${this.#folders.at(-1)}/${name}`
    const descriptor = openSync(at, O_PATH | constants.O_NOFOLLOW)
    let kept = false
    try {
      const stats = fstatSync(descriptor)
      // If it is exchanged for another between these lines, that one's target is no more dangerous.
      if (stats.isSymbolicLink()) return { link: readlinkSync(at) }
      if (!stats.isDirectory() && !stats.isFile()) return { why: 'it is no regular file' }
      const { type } = statfsSync(`/proc/self/fd/${descriptor}`)
      if (type === PROC_MAGIC) return { why: 'it lies in /proc' }
      if (type === FUSE_MAGIC) return { why: 'it lies on FUSE' }
      kept = true
      if (stats.isDirectory()) this.#folders.push(descriptor)
      else this.#file = descriptor
      return undefined
    } finally {
      if (!kept) closeSync(descriptor)
    }
  }

  /** The file for reading: this very one, whatever has become of its name. */
  openHere(): number {
    return openSync(`/proc/self/fd/${this.#file}`, constants.O_RDONLY | constants.O_NONBLOCK)
  }

  #backToRoot(): void {
    for (const folder of this.#folders.splice(1)) closeSync(folder)
  }

  close(): void {
    for (const folder of this.#folders.splice(0)) closeSync(folder)
    if (this.#file !== undefined) closeSync(this.#file)
  }
}
