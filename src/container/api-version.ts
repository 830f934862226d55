// Which version of Docker's API is spoken with an engine.

import { OperatorError } from '../core/errors.ts'
import { engineVersion } from './docker-answers.ts'
import type { EngineAddress } from './engine-address.ts'
import type { EngineTransport } from './engine-transport.ts'

/** Of Docker 1.12 (2016): the first whose lists of containers tell networks, and that filters events. */
const OLDEST_API = '1.24'
/** Of Docker 27. Later engines speak it too; if one does not, the transport takes the oldest that it names. */
const NEWEST_API = '1.47'

/** The version of an engine whose answer to a ping does not tell it; '' if that is no engine. */
export async function oldApiVersion(transport: EngineTransport): Promise<string> {
  return engineVersion(await transport.request({ path: '/version', method: 'GET' })).apiVersion
}

/** The engine's version, or ours if ours is older. Throws OperatorError if the engine's is too old. */
export function chooseApiVersion(address: EngineAddress, theirs: string): string {
  if (!/^1\.\d{1,4}$/.test(theirs)) {
    throw new OperatorError(
      `what answers at ${address.name} is no container engine`,
      'Docker or Podman is expected there',
    )
  }
  if (minor(theirs) < minor(OLDEST_API)) {
    throw new OperatorError(
      `the engine at ${address.name} is too old: it has API ${theirs}, and ${OLDEST_API} is needed`,
      'Docker 1.12 and newer have that',
    )
  }
  return minor(theirs) < minor(NEWEST_API) ? theirs : NEWEST_API
}

function minor(version: string): number {
  return Number(version.slice(2))
}
