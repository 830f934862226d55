// Container → where to capture it: the way that is sure to be right and asks for the least, else the next one.

import { OperatorError } from '../core/errors.ts'
import type { AskedWay, CaptureTarget } from './capture-target.ts'
import type { ContainerDetails, Engine, NetworkAttachment, NetworkDetails } from './engine.ts'
import type { HostView } from './host-view.ts'

export interface FindOptions {
  readonly via: AskedWay | undefined
  /** Networks to narrow to; [] for all that the container is on. */
  readonly networks: readonly string[]
  /** Interface inside the namespace (-i beside --container); '' for all. */
  readonly insideInterface: string
}

/** What was found: at least one target, or why there is none. */
export type Found = { readonly targets: CaptureTarget[] } | { readonly error: OperatorError }

const MOST_PORTS_IN_FILTER = 32
const MOST_REMEMBERED = 1000

export class TargetFinder {
  readonly #engine: Engine
  readonly #view: HostView
  readonly #options: FindOptions
  /** Where containers on the host's network listened before: at their start they do not yet. By id. */
  readonly #formerPorts = new Map<string, number[]>()

  constructor(engine: Engine, view: HostView, options: FindOptions) {
    this.#engine = engine
    this.#view = view
    this.#options = options
  }

  /** Where to capture a running container. Rejects only where the engine is lost. */
  async find(container: ContainerDetails, networks: readonly NetworkDetails[]): Promise<Found> {
    const owner = await this.#namespaceOwner(container)
    const attached = this.wanted(owner.networks, networks)
    const { via } = this.#options
    const shortfalls: string[] = []
    const attempt = async (way: AskedWay): Promise<CaptureTarget[] | undefined> => {
      const result = await this.#attempt(way, container, owner, attached, networks)
      if (typeof result !== 'string') return result
      shortfalls.push(`${way}: ${result}`)
      return undefined
    }
    const name = nameOf(container)
    if (this.#options.networks.length > 0 && attached.length === 0) {
      return fail(`${name} is on none of the networks ${this.#options.networks.join(', ')}`, networksHint(owner))
    }
    if (via !== undefined) {
      const targets = await attempt(via)
      if (targets !== undefined) return { targets }
      return fail(`${name} cannot be captured --via ${shortfalls[0]}`, 'leave --via out to let tcpflow choose')
    }
    for (const way of this.#waysFor(container, owner, attached, networks)) {
      const targets = way === 'host' ? await this.#onHost(container) : await attempt(way)
      if (targets !== undefined) return { targets: withShortfall(targets, name, shortfalls[0]) }
    }
    return fail(`there is no way to capture ${name} from here`, shortfalls.join('\n'))
  }

  /** Whose namespace a container lives in: `container:` modes lend another's. */
  async #namespaceOwner(container: ContainerDetails): Promise<ContainerDetails> {
    let owner = container
    for (let depth = 0; depth < 4 && owner.networkMode.startsWith('container:'); depth++) {
      const next = await this.#engine.inspect(owner.networkMode.slice('container:'.length))
      if (next === undefined) break
      owner = next
    }
    return owner
  }

  /** Those attachments that --network leaves. */
  wanted(attachments: readonly NetworkAttachment[], networks: readonly NetworkDetails[]): NetworkAttachment[] {
    const { networks: named } = this.#options
    if (named.length === 0) return [...attachments]
    return attachments.filter((a) => {
      const network = detailsOf(a, networks) ?? { name: a.network, id: a.networkId }
      return named.some((name) => name === a.network || isNamed(name, network))
    })
  }

  #waysFor(
    container: ContainerDetails,
    owner: ContainerDetails,
    attached: readonly NetworkAttachment[],
    networks: readonly NetworkDetails[],
  ): (AskedWay | 'host')[] {
    const inside = this.#options.insideInterface !== ''
    if (owner.networkMode === 'host') {
      if (!this.#view.belongsTo(container.pid, container.id)) return ['sidecar']
      // A rootless engine's host network is one of its own, and so is a virtual machine's.
      return this.#view.isInOurNetwork(container.pid) === false ? ['netns', 'sidecar'] : ['host', 'netns', 'sidecar']
    }
    const bridged = attached.length > 0 && attached.every((a) => detailsOf(a, networks)?.driver === 'bridge')
    if (!bridged || inside) return ['netns', 'sidecar']
    // What is shared is seen from the container that was named: its own loopback, above all.
    if (container !== owner) return ['netns', 'veth', 'bridge', 'sidecar']
    return ['veth', 'bridge', 'netns', 'sidecar']
  }

  /** Targets, or why not. */
  async #attempt(
    way: AskedWay,
    container: ContainerDetails,
    owner: ContainerDetails,
    attached: readonly NetworkAttachment[],
    networks: readonly NetworkDetails[],
  ): Promise<CaptureTarget[] | string> {
    switch (way) {
      case 'netns':
        return this.#inNamespace(container, owner, attached)
      case 'sidecar':
        return this.#bySidecar(container, owner, attached)
      default: {
        if (owner.networkMode === 'host') return 'it is on the host network, which has no cable of its own'
        if (attached.length === 0) return 'it is on no network'
        const targets: CaptureTarget[] = []
        for (const attachment of attached) {
          const details = detailsOf(attachment, networks)
          if (details === undefined) return `the engine does not know its network ${attachment.network}`
          if (details.driver !== 'bridge') {
            return `its network ${details.name} (driver ${details.driver}) has no bridge on this host`
          }
          const target =
            way === 'veth'
              ? await this.#onVeth(container, owner, attachment, details)
              : this.#onBridge(container, owner, attachment, details)
          if (typeof target === 'string') return target
          targets.push(target)
        }
        return targets
      }
    }
  }

  async #onVeth(
    container: ContainerDetails,
    owner: ContainerDetails,
    attachment: NetworkAttachment,
    network: NetworkDetails,
  ): Promise<CaptureTarget | string> {
    const { bridge } = network
    if (!this.#hasBridgeOf(owner, network)) return bridgeMissing(network)
    const name = await this.#vethName(owner, attachment, bridge)
    if (name === undefined) return `its veth on ${bridge} cannot be told from the others (--pid host shows it)`
    return target({
      key: `veth ${name} ${owner.id} ${owner.startedAt}`,
      way: 'veth',
      label: `${nameOf(container)}: ${name} on ${bridge}`,
      containers: [nameOf(container)],
      interfaceName: name,
    })
  }

  /** By the namespace's own list, else by the bridge's forwarding table, else by asking in the container. */
  async #vethName(owner: ContainerDetails, { macAddress, address }: NetworkAttachment, bridge: string) {
    const view = this.#view
    if (view.belongsTo(owner.pid, owner.id)) {
      const inside = view.interfacesInside(owner.pid).find((i) => i.macAddress === macAddress)
      const name = inside === undefined ? undefined : view.vethOf(inside, bridge)
      if (name !== undefined) return name
    }
    if (macAddress === '') return undefined
    const known = view.vethByForwarding(bridge, macAddress)
    if (known !== undefined) return known
    if (address !== '') {
      await view.rouse(address)
      const learnt = view.vethByForwarding(bridge, macAddress)
      if (learnt !== undefined) return learnt
    }
    return await this.#vethByAsking(owner, macAddress, bridge)
  }

  async #vethByAsking(owner: ContainerDetails, macAddress: string, bridge: string): Promise<string | undefined> {
    const script =
      'for i in /sys/class/net/*; do echo "$(basename $i) $(cat $i/ifindex) $(cat $i/iflink) $(cat $i/address)"; done'
    const answer = await this.#engine.execute(owner.id, ['sh', '-c', script]).catch(() => undefined)
    for (const line of (answer ?? '').split('\n')) {
      const [name, index, linkIndex, mac] = line.trim().split(' ')
      if (name === undefined || mac?.toLowerCase() !== macAddress) continue
      const inside = { name, index: Number(index), linkIndex: Number(linkIndex), macAddress }
      const veth = this.#view.vethOf(inside, bridge)
      if (veth !== undefined) return veth
    }
    return undefined
  }

  /**
   * A bridge of that name may be another engine's, with the same addresses on it. A container's first process is started
   * by a part of its engine, and bridges are made in that one's network.
   */
  #hasBridgeOf({ pid, id }: ContainerDetails, { bridge, subnets }: NetworkDetails): boolean {
    const parent = this.#view.belongsTo(pid, id) ? this.#view.parentOf(pid) : undefined
    if (parent !== undefined && this.#view.isInOurNetwork(parent) === false) return false
    return this.#view.hasBridge(bridge, subnets)
  }

  #onBridge(
    container: ContainerDetails,
    owner: ContainerDetails,
    a: NetworkAttachment,
    network: NetworkDetails,
  ): CaptureTarget | string {
    const { bridge } = network
    if (!this.#hasBridgeOf(owner, network)) return bridgeMissing(network)
    const addresses = addressesOf([a])
    if (addresses.length === 0) return `it has no address on ${network.name}`
    return target({
      key: `bridge ${bridge} ${addresses.join(' ')} ${container.id}`,
      way: 'bridge',
      label: `${nameOf(container)}: ${addresses.join(' and ')} on ${bridge}`,
      containers: [nameOf(container)],
      interfaceName: bridge,
      filter: anyOf('host', addresses),
    })
  }

  async #inNamespace(
    container: ContainerDetails,
    owner: ContainerDetails,
    attached: readonly NetworkAttachment[],
  ): Promise<CaptureTarget[] | string> {
    // Of two that share a namespace either process will do, and either may be the visible one.
    const shown = [container, owner].find((each) => this.#view.belongsTo(each.pid, each.id))
    if (shown === undefined) {
      return 'its process is not visible here (in Docker: --pid host --cap-add SYS_ADMIN; else the engine runs elsewhere)'
    }
    const why = this.#view.whyNotEnter(shown.pid)
    if (why !== undefined) return why
    const inode = this.#view.namespaceOf(shown.pid)!
    const isOurs = inode === this.#view.namespaceOf()
    const onHost = owner.networkMode === 'host'
    if (isOurs && onHost) return this.#onHost(container)
    const interfaceName = this.#options.insideInterface || 'any'
    const ports = onHost ? await this.#sharedPorts(container) : []
    const sharing = container === owner ? '' : `${nameOf(container)} shares the network of ${nameOf(owner)}`
    return [
      target({
        // the engine's host network is one, however many share it
        key: `netns ${inode} ${onHost ? ports.join(' ') : owner.startedAt} ${interfaceName}`,
        way: 'netns',
        label: `${nameOf(container)}: ${interfaceName} in its network namespace${onHost ? shownPorts(ports) : ''}`,
        containers: [nameOf(container)],
        interfaceName,
        filter: onHost ? portFilter(ports) : this.#narrowed(attached),
        place: isOurs || onHost ? '' : placeOf(owner),
        namespace: { pid: shown.pid, inode },
        remark: onHost ? sharedRemark(container, ports) : sharing,
      }),
    ]
  }

  async #bySidecar(
    container: ContainerDetails,
    owner: ContainerDetails,
    attached: readonly NetworkAttachment[],
  ): Promise<CaptureTarget[]> {
    const onHost = owner.networkMode === 'host'
    const interfaceName = this.#options.insideInterface || 'any'
    const ports = onHost ? await this.#sharedPorts(container) : []
    return [
      target({
        // the host's network is one, however many share it
        key: `sidecar ${onHost ? ['host', ...ports].join(' ') : `${owner.id} ${owner.startedAt}`} ${interfaceName}`,
        way: 'sidecar',
        label: `${nameOf(container)}: ${interfaceName}, from a sidecar container in its network`,
        containers: [nameOf(container)],
        interfaceName,
        filter: onHost ? portFilter(ports) : this.#narrowed(attached),
        place: onHost ? '' : placeOf(owner),
        sidecarOf: owner.id,
        remark: onHost ? sharedRemark(container, ports) : '',
      }),
    ]
  }

  async #onHost(container: ContainerDetails): Promise<CaptureTarget[]> {
    const ports = await this.#sharedPorts(container)
    const interfaceName = this.#options.insideInterface || 'any'
    return [
      target({
        key: `host ${container.id} ${ports.join(' ')}`,
        way: 'host',
        label: `${nameOf(container)}: ${interfaceName} on the host${shownPorts(ports)}`,
        containers: [nameOf(container)],
        interfaceName,
        filter: portFilter(ports),
        remark: sharedRemark(container, ports),
      }),
    ]
  }

  /** The ports by which a container's traffic is told apart on the host's network: where it listens, else as declared. */
  async #sharedPorts(container: ContainerDetails): Promise<readonly number[]> {
    const pids = new Set([container.pid, ...(await this.#engine.processIds(container.id))])
    const visible = [...pids].filter((pid) => this.#view.belongsTo(pid, container.id))
    const listening = this.#view.listeningPorts(visible)
    if (listening.length > 0) this.#remember(container.id, listening)
    return listening.length > 0 ? listening : (this.#formerPorts.get(container.id) ?? declaredPorts(container))
  }

  #remember(id: string, ports: number[]): void {
    if (this.#formerPorts.size >= MOST_REMEMBERED) this.#formerPorts.clear()
    this.#formerPorts.set(id, ports)
  }

  /** Inside a namespace all networks are seen: an expression for those that were asked for. */
  #narrowed(attached: readonly NetworkAttachment[]): string {
    if (this.#options.networks.length === 0) return ''
    return anyOf('host', addressesOf(attached))
  }
}

/** Why a better way was not taken: what the operator may want to allow. */
function withShortfall(targets: CaptureTarget[], name: string, shortfall: string | undefined): CaptureTarget[] {
  if (shortfall === undefined) return targets
  const [way, why] = shortfall.split(/: (.*)/s)
  return targets.map((each) => (each.remark !== '' ? each : { ...each, remark: `${name}: not by its ${way}: ${why}` }))
}

export function target(given: Partial<CaptureTarget> & Pick<CaptureTarget, 'key' | 'way' | 'label' | 'interfaceName'>) {
  const none = {
    containers: [],
    filter: '',
    place: '',
    namespace: undefined,
    sidecarOf: '',
    gate: undefined,
    remark: '',
  }
  return { ...none, ...given } satisfies CaptureTarget
}

export function nameOf({ name, id }: { readonly name: string; readonly id: string }): string {
  return name === '' ? id.slice(0, 12) : name
}

/** The place of a namespace that is made anew at every start. */
export function placeOf(owner: ContainerDetails): string {
  return `${nameOf(owner)} ${owner.id.slice(0, 12)} ${owner.startedAt}`
}

export function detailsOf(a: NetworkAttachment, networks: readonly NetworkDetails[]): NetworkDetails | undefined {
  return networks.find((n) => n.id !== '' && n.id === a.networkId) ?? networks.find((n) => n.name === a.network)
}

/** IPv4 and IPv6, those that there are. */
export function addressesOf(attachments: readonly NetworkAttachment[]): string[] {
  return attachments.flatMap((a) => [a.address, a.address6]).filter((each) => each !== '')
}

/** Whether the operator means this network by `wanted`: its name, or the beginning of its id. */
export function isNamed(wanted: string, { name, id }: { readonly name: string; readonly id: string }): boolean {
  return wanted === name || (wanted.length >= 4 && id !== '' && id.startsWith(wanted))
}

function anyOf(word: string, values: readonly string[]): string {
  return values.map((value) => `${word} ${value}`).join(' or ')
}

function declaredPorts(container: ContainerDetails): number[] {
  const exposed = container.exposedPorts.map((each) => Number(each.split('/')[0]))
  const published = container.ports.map((each) => each.containerPort)
  return [...new Set([...exposed, ...published])].filter((port) => port > 0 && port < 65_536).sort((a, b) => a - b)
}

function portsText(ports: readonly number[]): string {
  return `port${ports.length === 1 ? '' : 's'} ${ports.join(', ')}`
}

function shownPorts(ports: readonly number[]): string {
  return ports.length === 0 ? '' : `, ${portsText(ports)}`
}

/** '' where there are none, or too many. */
function portFilter(ports: readonly number[]): string {
  return ports.length > MOST_PORTS_IN_FILTER ? '' : anyOf('port', ports.map(String))
}

function sharedRemark(container: ContainerDetails, ports: readonly number[]): string {
  const name = nameOf(container)
  const what =
    ports.length === 0 || ports.length > MOST_PORTS_IN_FILTER
      ? 'everything on the host is seen (a filter narrows it)'
      : `only ${portsText(ports)} can be told to be its own`
  return `${name} shares the host's network: ${what}`
}

function bridgeMissing({ name, bridge }: NetworkDetails): string {
  return `the bridge ${bridge === '' ? 'of' : `${bridge} of`} its network ${name} is not visible here (in Docker: --net host; else the engine runs elsewhere)`
}

function networksHint(owner: ContainerDetails): string {
  const names = owner.networks.map((a) => a.network)
  return names.length === 0 ? 'it is on no network' : `it is on ${names.join(', ')}`
}

function fail(message: string, hint: string): Found {
  return { error: new OperatorError(message, hint) }
}
