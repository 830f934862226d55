// Why a savefile cannot be written, and what to do.

import { accessSync, constants } from 'node:fs'
import { dirname } from 'node:path'
import { OperatorError } from '../../core/errors.ts'

/** Files can be made beside `path`. Throws OperatorError. */
export function checkFolder(path: string): void {
  try {
    accessSync(dirname(path), constants.W_OK | constants.X_OK)
  } catch (error) {
    throw cannotWrite(path, error)
  }
}

/** A system error, as one that an operator understands. */
export function cannotWrite(path: string, error: unknown): OperatorError {
  const { code, message } = error as NodeJS.ErrnoException
  const folder = dirname(path)
  switch (code) {
    case 'ENOENT':
      return new OperatorError(`cannot write ${path}: there is no folder ${folder}`, 'make it first')
    case 'EACCES':
    case 'EPERM':
      return new OperatorError(`cannot write ${path}: permission denied`, 'choose another place for -w')
    case 'EROFS':
      return new OperatorError(`cannot write ${path}: the file system is read-only`, 'choose another place for -w')
    case 'EISDIR':
      return new OperatorError(`cannot write ${path}: it is a folder`, `name a file in it: -w ${path}/trace.pcapng`)
    case 'ENOSPC':
      return new OperatorError(`cannot write ${path}: no space left on the disk`, 'files saved so far are whole')
    default:
      return new OperatorError(`cannot write ${path}: ${message}`)
  }
}
