// `-r -`: a capture on standard input, which may be a pipe, a socket, or a file.

import fs from 'node:fs'
import tty from 'node:tty'
import { OperatorError } from '../core/errors.ts'
import type { ByteSource } from '../core/ports.ts'
import { PipeSource } from './pipe-source.ts'
import { directoryError, RegularFileSource, readError } from './regular-file.ts'

/** The bytes of standard input as they are. Throws OperatorError when it is a terminal or closed. */
export function openStdin(descriptor = 0): ByteSource {
  if (tty.isatty(descriptor)) {
    throw new OperatorError(
      'standard input is a terminal, not a capture',
      "pipe one in: tcpdump -w - 'port 80' | tcpflow -r -",
    )
  }
  let stat: fs.Stats
  try {
    stat = fs.fstatSync(descriptor)
  } catch (error) {
    throw readError('-', error)
  }
  if (stat.isDirectory()) throw directoryError('standard input')
  if (stat.isFIFO() || stat.isSocket()) return new PipeSource('-', descriptor)
  return new RegularFileSource('-', descriptor, stat.isFile() ? stat.size : -1, false)
}
