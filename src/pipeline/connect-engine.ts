// The container engine that the operator means, opened; loaded only when containers are asked for.

import type { Engine } from '../container/engine.ts'
import type { Io } from '../core/io.ts'

/** `dockerHost`: --docker-host. Rejects with OperatorError. */
export async function connectEngine(dockerHost: string | undefined, env: Io['env']): Promise<Engine> {
  const [{ ADDRESS_FILES, openEngine }, { findEngineAddress }] = await Promise.all([
    import('../container/docker-engine.ts'),
    import('../container/engine-address.ts'),
  ])
  return await openEngine(findEngineAddress(dockerHost, env, ADDRESS_FILES))
}
