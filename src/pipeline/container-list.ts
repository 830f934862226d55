// Gathers what `tcpflow containers` prints: every running container and where it would be captured.

import { addressesOf } from '../container/container-facts.ts'
import type { Engine, NetworkDetails } from '../container/engine.ts'
import { TargetFinder } from '../container/find-targets.ts'
import { LinuxHostView, viewFor } from '../container/host-view.ts'
import { serviceOf } from '../container/selection.ts'
import type { Io } from '../core/io.ts'
import { connectEngine } from './connect-engine.ts'

export interface ListedContainer {
  readonly name: string
  readonly id: string
  readonly image: string
  /** Of Compose or Swarm, as --service takes it, and the project or stack that it is in; '' for none. */
  readonly service: string
  readonly project: string
  readonly networkMode: string
  readonly networks: readonly { readonly name: string; readonly addresses: readonly string[] }[]
  /** `8080->80/tcp`. */
  readonly publishedPorts: readonly string[]
  /** How it would be captured: veth, bridge, netns, sidecar, host; '' where there is no way. */
  readonly way: string
  /** `veth6b3ec33 on docker0`, or why not. */
  readonly where: string
}

const INSPECTED_AT_A_TIME = 8

/** By name. Rejects with OperatorError: no engine. */
export async function listContainers(dockerHost: string | undefined, env: Io['env']): Promise<ListedContainer[]> {
  const engine = await connectEngine(dockerHost, env)
  try {
    const [running, networks, machine] = await Promise.all([engine.list(false), engine.networks(), engine.machine()])
    const view = viewFor(machine, new LinuxHostView())
    const finder = new TargetFinder(engine, view, { via: undefined, networks: [], insideInterface: '' })
    const rows: ListedContainer[] = []
    const next = [...running]
    const work = async (): Promise<void> => {
      for (let each = next.shift(); each !== undefined; each = next.shift()) {
        const row = await describe(engine, finder, each.id, networks)
        if (row !== undefined) rows.push(row)
      }
    }
    await Promise.all(Array.from({ length: INSPECTED_AT_A_TIME }, work))
    return withNamedModes(rows).sort((a, b) => (a.name < b.name ? -1 : 1))
  } finally {
    await engine.close()
  }
}

/**
 * A container that shares another one's network gives that one's id. It is shown by name, or by the beginning of the id where
 * it is gone.
 */
export function withNamedModes(rows: readonly ListedContainer[]): ListedContainer[] {
  const names = new Map(rows.map(({ id, name }) => [id, name]))
  return rows.map((row) => {
    const id = /^container:([0-9a-f]{64})$/.exec(row.networkMode)?.[1]
    return id === undefined ? row : { ...row, networkMode: `container:${names.get(id) ?? id.slice(0, 12)}` }
  })
}

async function describe(
  engine: Engine,
  finder: TargetFinder,
  id: string,
  networks: readonly NetworkDetails[],
): Promise<ListedContainer | undefined> {
  const details = await engine.inspect(id)
  if (details === undefined || details.pid === 0) return undefined
  const found = await finder.find(details, networks)
  const name = details.name === '' ? id.slice(0, 12) : details.name
  const targets = 'error' in found ? [] : found.targets
  const reason = 'error' in found ? found.error.message : ''
  return {
    name,
    id,
    image: details.image,
    ...serviceOf(details.labels),
    networkMode: details.networkMode,
    networks: details.networks.map((a) => ({ name: a.network, addresses: addressesOf([a]) })),
    publishedPorts: details.ports
      .filter((port) => port.hostPort > 0)
      .map(({ protocol, hostAddress, hostPort, containerPort }) => {
        const everywhere = hostAddress === '' || hostAddress === '0.0.0.0' || hostAddress === '::'
        return `${everywhere ? '' : `${hostAddress}:`}${hostPort}->${containerPort}/${protocol}`
      })
      .filter((text, index, all) => all.indexOf(text) === index),
    way: targets[0]?.way ?? '',
    where: targets.map(({ label }) => label.slice(label.indexOf(': ') + 2)).join('; ') || reason,
  }
}
