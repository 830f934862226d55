// `-r PATH`: opens a file, a FIFO or standard input, compressed or not.

import fs from 'node:fs'
import tty from 'node:tty'
import { OperatorError } from '../core/errors.ts'
import type { ByteSource } from '../core/ports.ts'
import { DecompressSource } from './decompress-source.ts'
import { PipeSource } from './pipe-source.ts'
import { directoryError, RegularFileSource, readError } from './regular-file.ts'
import { openStdin } from './stdin-source.ts'

/**
 * The savefile at `path` (`-`: standard input), decompressed when it begins like gzip, zstd, xz or bzip2. Opens at once
 * and never waits: a FIFO's writer may come later. `readsAhead`: see RegularFileSource. Throws OperatorError when it cannot
 * be opened.
 */
export function openFileSource(path: string, readsAhead = true): ByteSource {
  if (path === '-') return new DecompressSource(openStdin(), undefined)
  const raw = openRaw(path, readsAhead)
  return new DecompressSource(raw, raw instanceof RegularFileSource ? () => openRaw(path, readsAhead) : undefined)
}

function openRaw(path: string, readsAhead: boolean): ByteSource {
  let descriptor: number
  try {
    // Without O_NONBLOCK, opening a FIFO would wait for its writer. Regular files do not care.
    descriptor = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK)
  } catch (error) {
    throw openError(path, error as NodeJS.ErrnoException)
  }
  try {
    const stat = fs.fstatSync(descriptor)
    if (stat.isDirectory()) throw directoryError(path)
    if (tty.isatty(descriptor)) throw new OperatorError(`${path} is a terminal, not a capture`)
    if (stat.isFIFO() || stat.isSocket()) return new PipeSource(path, descriptor)
    return new RegularFileSource(path, descriptor, stat.isFile() ? stat.size : -1, true, readsAhead)
  } catch (error) {
    fs.closeSync(descriptor)
    throw error instanceof OperatorError ? error : readError(path, error)
  }
}

function openError(path: string, error: NodeJS.ErrnoException): OperatorError {
  switch (error.code) {
    case 'ENOENT':
      return new OperatorError(`no such file: ${path}`, '-r takes a pcap or pcapng file; -i captures on an interface')
    case 'ENOTDIR':
      return new OperatorError(`no such file: ${path}`, 'a part of this path is a file and not a directory')
    case 'EACCES':
    case 'EPERM':
      return new OperatorError(
        `no permission to read ${path}`,
        `ls -l ${path} shows who may; captures written by root often need sudo`,
      )
    default:
      return new OperatorError(`cannot open ${path}: ${error.message}`)
  }
}
