// Errors of the file system, in words for the operator.

import { OperatorError } from '../../core/errors.ts'

/** The `code` of a Node system error (`ENOSPC` …); '' for everything else. */
export function errorCode(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  return code ?? ''
}

/**
 * Makes an OperatorError of a system error that happened while writing `path`. Anything else that was thrown is a bug
 * and is thrown again.
 */
export function outputError(error: unknown, path: string): OperatorError {
  if (error instanceof OperatorError) return error
  const known = REASONS[errorCode(error)]
  if (known !== undefined) return new OperatorError(`cannot write ${path}: ${known[0]}`, known[1])
  if (errorCode(error) === '') throw error
  return new OperatorError(`cannot write ${path}: ${(error as Error).message}`)
}

const ELSEWHERE = 'choose another folder with -o, or only look at the flows with -c'
const REASONS: Readonly<Record<string, readonly [reason: string, hint: string]>> = {
  ENOSPC: ['no space left on the disk', 'free some and run again; files written so far are whole'],
  EDQUOT: ['the disk quota is used up', 'free some and run again; files written so far are whole'],
  EROFS: ['the file system is read-only', ELSEWHERE],
  EACCES: ['permission denied', ELSEWHERE],
  EPERM: ['operation not permitted', ELSEWHERE],
  ENOENT: ['there is no such folder', 'make it first'],
  ENOTDIR: ['a part of that path is a file and not a folder', ELSEWHERE],
  ELOOP: ['a part of that path is a symbolic link', ELSEWHERE],
  ENAMETOOLONG: ['the name is too long', 'choose a shorter template with -T'],
  EMFILE: ['too many open files', 'raise the limit (ulimit -n) or lower -f'],
  ENFILE: ['the system has too many open files', 'lower -f'],
  EIO: ['the disk reports an error', 'look into the system log'],
}
