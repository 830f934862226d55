// Decides where a container is captured. The first way that surely works is taken; those that need fewer rights come first.

import { OperatorError } from '../core/errors.ts'
import { type AskedWay, anyOf, type CaptureTarget, target } from './capture-target.ts'
import { addressesOf, attachmentsOn, detailsOf, nameOf, placeOf } from './container-facts.ts'
import type { ContainerDetails, Engine, NetworkAttachment, NetworkDetails } from './engine.ts'
import type { HostView } from './host-view.ts'
import { portFilter, SharedPorts, sharedRemark, shownPorts } from './shared-ports.ts'
import { VethFinder } from './veth-finder.ts'

export interface FindOptions {
  readonly via: AskedWay | undefined
  /** Networks to narrow to; [] for all that the container is on. */
  readonly networks: readonly string[]
  /** Interface inside the namespace (-i beside --container); '' for all. */
  readonly insideInterface: string
  /** Also `lo` inside the namespace, where that can be had. */
  readonly loopback?: boolean
}

/** What was found: at least one target, or why there is none. */
export type Found = { readonly targets: CaptureTarget[] } | { readonly error: OperatorError }

export class TargetFinder {
  readonly #engine: Engine
  readonly #view: HostView
  readonly #options: FindOptions
  readonly #veths: VethFinder
  readonly #ports: SharedPorts

  constructor(engine: Engine, view: HostView, options: FindOptions) {
    this.#engine = engine
    this.#view = view
    this.#options = options
    this.#veths = new VethFinder(engine, view)
    this.#ports = new SharedPorts(engine, view)
  }

  /** Finds where to capture a running container. Rejects only if the engine is lost. */
  async find(container: ContainerDetails, networks: readonly NetworkDetails[]): Promise<Found> {
    const owner = await this.#namespaceOwner(container)
    await this.#view.look([container.pid, owner.pid])
    const attached = attachmentsOn(this.#options.networks, owner.networks, networks)
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
      if (targets !== undefined) return { targets: this.#withLoopback(targets, container, owner) }
      return fail(`${name} cannot be captured --via ${shortfalls[0]}`, 'leave --via out to let tcpflow choose')
    }
    for (const way of this.#waysFor(container, owner, attached, networks)) {
      const targets = way === 'host' ? await this.#onHost(container) : await attempt(way)
      if (targets !== undefined) {
        const found = withShortfall(targets, name, shortfalls[0])
        return { targets: this.#withLoopback(found, container, owner) }
      }
    }
    return fail(`there is no way to capture ${name} from here`, shortfalls.join('\n'))
  }

  /** The container whose network namespace this one is in: another one for `container:` modes. */
  async #namespaceOwner(container: ContainerDetails): Promise<ContainerDetails> {
    let owner = container
    for (let depth = 0; depth < 4 && owner.networkMode.startsWith('container:'); depth++) {
      const next = await this.#engine.inspect(owner.networkMode.slice('container:'.length))
      if (next === undefined) break
      owner = next
    }
    return owner
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
    // Two containers share the namespace. Inside it, what they say to each other on 127.0.0.1 is seen, too.
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
        if (owner.networkMode === 'host') return 'it is on the host network, and has no veth or bridge of its own'
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
    const name = await this.#veths.find(owner, attachment, bridge)
    if (name === undefined)
      return `its veth on ${bridge} cannot be told from the others (in a container, tcpflow needs --pid host to find it)`
    return target({
      key: `veth ${name} ${owner.id} ${owner.startedAt}`,
      way: 'veth',
      label: `${nameOf(container)}: ${name} on ${bridge}`,
      containers: [nameOf(container)],
      interfaceName: name,
    })
  }

  /**
   * A bridge of that name may belong to another engine, with the same addresses. But a container's first process is started by
   * a part of its own engine: if that is in another network namespace than we are, the engine's bridges are there, too.
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
    // If two share the namespace, a process of either will do. Perhaps only one of them is visible here.
    const shown = [container, owner].find((each) => this.#view.belongsTo(each.pid, each.id))
    if (shown === undefined) {
      return 'its process is not visible here (in a container, tcpflow needs --pid host --cap-add SYS_ADMIN; or the engine is elsewhere)'
    }
    const why = this.#view.whyNotEnter(shown.pid)
    if (why !== undefined) return why
    const inode = this.#view.namespaceOf(shown.pid)!
    const isOurs = inode === this.#view.namespaceOf()
    const onHost = owner.networkMode === 'host'
    if (isOurs && onHost) return this.#onHost(container)
    const interfaceName = this.#options.insideInterface || 'any'
    const ports = onHost ? await this.#ports.of(container) : []
    const sharing = container === owner ? '' : `${nameOf(container)} shares the network of ${nameOf(owner)}`
    return [
      target({
        // The engine has one host network, however many containers share it.
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
    const ports = onHost ? await this.#ports.of(container) : []
    return [
      target({
        // There is one host network, however many containers share it.
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

  /** What a container says to itself is seen only inside its namespace. */
  #withLoopback(targets: CaptureTarget[], container: ContainerDetails, owner: ContainerDetails): CaptureTarget[] {
    if (this.#options.loopback !== true || owner.networkMode === 'host') return targets
    const inside = targets.some(({ way }) => way === 'netns' || way === 'sidecar')
    if (inside && ['', 'any', 'lo'].includes(this.#options.insideInterface)) return targets
    const name = nameOf(container)
    const shared = { containers: [name], interfaceName: 'lo', place: placeOf(owner) }
    const onlyFor = `connections to localhost and DNS through 127.0.0.11 in ${name}`
    const shown = [container, owner].find(({ pid, id }) => this.#view.belongsTo(pid, id))
    if (shown !== undefined && this.#view.whyNotEnter(shown.pid) === undefined) {
      const inode = this.#view.namespaceOf(shown.pid)!
      const label = `${name}: lo in its network namespace`
      const key = `netns ${inode} ${owner.startedAt} lo`
      return [
        ...targets,
        target({ ...shared, key, way: 'netns', label, namespace: { pid: shown.pid, inode }, onlyFor }),
      ]
    }
    const label = `${name}: lo, from a sidecar container in its network`
    const key = `sidecar ${owner.id} ${owner.startedAt} lo`
    return [...targets, target({ ...shared, key, way: 'sidecar', label, sidecarOf: owner.id, onlyFor })]
  }

  async #onHost(container: ContainerDetails): Promise<CaptureTarget[]> {
    const ports = await this.#ports.of(container)
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

  /** Inside the namespace all its networks are seen. This is a filter for those that were asked for. */
  #narrowed(attached: readonly NetworkAttachment[]): string {
    if (this.#options.networks.length === 0) return ''
    return anyOf('host', addressesOf(attached))
  }
}

/** Adds why a better way was not taken, so that the operator can allow it. */
function withShortfall(targets: CaptureTarget[], name: string, shortfall: string | undefined): CaptureTarget[] {
  if (shortfall === undefined) return targets
  const [way, why] = shortfall.split(/: (.*)/s)
  return targets.map((each) => (each.remark !== '' ? each : { ...each, remark: `${name}: not by its ${way}: ${why}` }))
}

function bridgeMissing({ name, bridge }: NetworkDetails): string {
  return `the bridge ${bridge === '' ? 'of' : `${bridge} of`} its network ${name} is not visible here (in a container, tcpflow needs --net host; or the engine is elsewhere)`
}

function networksHint(owner: ContainerDetails): string {
  const names = owner.networks.map((a) => a.network)
  return names.length === 0 ? 'it is on no network' : `it is on ${names.join(', ')}`
}

function fail(message: string, hint: string): Found {
  return { error: new OperatorError(message, hint) }
}
