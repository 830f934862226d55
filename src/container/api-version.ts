// Which version of Docker's API is spoken with an engine.

import { OperatorError } from '../core/errors.ts'
import { engineVersion } from './docker-answers.ts'
import type { EngineAddress } from './engine-address.ts'
import type { EngineTransport } from './engine-transport.ts'

/** Networks in a list of containers, and filters by label and event: Docker 1.12, of 2016. */
const OLDEST_API = '1.24'
/** As of Docker 27. Later engines speak it too, and the transport adapts to those that do not any more. */
const NEWEST_API = '1.47'

/** Of an engine from before its answers said so, or of something that is no engine (''). */
export async function oldApiVersion(transport: EngineTransport): Promise<string> {
  return engineVersion(await transport.request({ path: '/version', method: 'GET' })).apiVersion
}

/** Theirs, unless ours is older. Throws OperatorError when theirs is too old. */
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
