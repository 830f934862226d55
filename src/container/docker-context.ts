// Docker's contexts: named addresses of engines that `docker context` keeps below ~/.docker.

import { createHash } from 'node:crypto'
import { OperatorError } from '../core/errors.ts'
import {
  type AddressFiles,
  type Environment,
  readCertificates,
  readSetting,
  type TlsSettings,
} from './address-files.ts'

export interface DockerContext {
  readonly origin: string
  readonly host: string
  readonly tls: TlsSettings | undefined
}

/**
 * The context that DOCKER_CONTEXT or `docker context use` chose. undefined if none was chosen, or `default`, which means no
 * context. Throws OperatorError if the chosen one does not exist or cannot be understood.
 */
export function readContext(env: Environment, files: AddressFiles): DockerContext | undefined {
  const folder = env.DOCKER_CONFIG || (env.HOME ? `${env.HOME}/.docker` : undefined)
  if (folder === undefined) return undefined
  const name = env.DOCKER_CONTEXT || currentContext(folder, files)
  if (name === undefined || name === '' || name === 'default') return undefined
  const origin = `context "${name}"`
  const key = createHash('sha256').update(name).digest('hex')
  const path = `${folder}/contexts/meta/${key}/meta.json`
  const text = readSetting(path, files)
  if (text === undefined) {
    const who = env.DOCKER_CONTEXT ? 'DOCKER_CONTEXT' : `currentContext in ${folder}/config.json`
    throw new OperatorError(
      `there is no Docker ${origin}`,
      `${who} asks for it; docker context ls shows those there are`,
    )
  }
  const endpoint = field(field(parseObject(text, path), 'Endpoints'), 'docker')
  const host = field(endpoint, 'Host')
  if (typeof host !== 'string' || host === '') throw new OperatorError(`Docker ${origin} names no engine`, path)
  const unverified = field(endpoint, 'SkipTLSVerify') === true
  const tls = readCertificates(`${folder}/contexts/tls/${key}/docker`, !unverified, files)
  const asksForTls = unverified || tls.ca !== undefined || tls.cert !== undefined
  return { origin, host, tls: asksForTls ? tls : undefined }
}

function currentContext(folder: string, files: AddressFiles): string | undefined {
  const path = `${folder}/config.json`
  const text = readSetting(path, files)
  if (text === undefined) return undefined
  const name = field(parseObject(text, path), 'currentContext')
  return typeof name === 'string' ? name : undefined
}

function parseObject(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new OperatorError(`${path} is not JSON`, 'set DOCKER_HOST to do without it')
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}
