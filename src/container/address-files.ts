// What the choice of an engine depends on: the environment, some files, and certificates.

import { OperatorError } from '../core/errors.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** The files that say where an engine is. */
export interface AddressFiles {
  /** Text of a file; undefined when there is none. Throws Node's error when it cannot be read. */
  read(path: string): string | undefined
  /** Whether there is a file or a socket of that name. */
  exists(path: string): boolean
}

/** Certificates as PEM; `verify: false` accepts whoever answers. */
export interface TlsSettings {
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
  readonly verify: boolean
}

/** ca.pem, cert.pem and key.pem of a folder, as far as they are there. Throws OperatorError where one cannot be read. */
export function readCertificates(folder: string, verify: boolean, files: AddressFiles): TlsSettings {
  const read = (file: string) => readSetting(`${folder}/${file}`, files)
  return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem'), verify }
}

/** A file's text; undefined when there is none. Throws OperatorError when it cannot be read. */
export function readSetting(path: string, files: AddressFiles): string | undefined {
  try {
    return files.read(path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new OperatorError(`cannot read ${path}: ${code === 'EACCES' ? 'permission denied' : message}`)
  }
}
