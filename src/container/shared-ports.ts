// The ports by which a container on the host's network is told apart from everything else there.

import { anyOf } from './capture-target.ts'
import { nameOf } from './container-facts.ts'
import type { ContainerDetails, Engine } from './engine.ts'
import type { HostView } from './host-view.ts'

const MOST_PORTS_IN_FILTER = 32
const MOST_REMEMBERED = 1000

export class SharedPorts {
  readonly #engine: Engine
  readonly #view: HostView
  /** By container id: where it listened when we looked before. Just after a start it listens nowhere yet. */
  readonly #former = new Map<string, number[]>()

  constructor(engine: Engine, view: HostView) {
    this.#engine = engine
    this.#view = view
  }

  /** The ports on which it listens, or listened before, or else those that it declares. */
  async of(container: ContainerDetails): Promise<readonly number[]> {
    const pids = new Set([container.pid, ...(await this.#engine.processIds(container.id))])
    await this.#view.look([...pids])
    const visible = [...pids].filter((pid) => this.#view.belongsTo(pid, container.id))
    const listening = this.#view.listeningPorts(visible)
    if (listening.length > 0) this.#remember(container.id, listening)
    return listening.length > 0 ? listening : (this.#former.get(container.id) ?? declaredPorts(container))
  }

  #remember(id: string, ports: number[]): void {
    if (this.#former.size >= MOST_REMEMBERED) this.#former.clear()
    this.#former.set(id, ports)
  }
}

function declaredPorts(container: ContainerDetails): number[] {
  const exposed = container.exposedPorts.map((each) => Number(each.split('/')[0]))
  const published = container.ports.map((each) => each.containerPort)
  return [...new Set([...exposed, ...published])].filter((port) => port > 0 && port < 65_536).sort((a, b) => a - b)
}

function portsText(ports: readonly number[]): string {
  return `port${ports.length === 1 ? '' : 's'} ${ports.join(', ')}`
}

/** For a label: `, ports 80, 443`. */
export function shownPorts(ports: readonly number[]): string {
  return ports.length === 0 ? '' : `, ${portsText(ports)}`
}

/** A BPF expression; '' where there are no ports, or too many. */
export function portFilter(ports: readonly number[]): string {
  return ports.length > MOST_PORTS_IN_FILTER ? '' : anyOf('port', ports.map(String))
}

/** What the operator is told about a container on the host's network. */
export function sharedRemark(container: ContainerDetails, ports: readonly number[]): string {
  const name = nameOf(container)
  const what =
    ports.length === 0 || ports.length > MOST_PORTS_IN_FILTER
      ? 'everything on the host is seen (a filter narrows it)'
      : `only ${portsText(ports)} can be told to be its own`
  return `${name} shares the host's network: ${what}`
}
