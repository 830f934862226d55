// An engine and a machine that exist only in a test: containers are put in and taken out, and events follow.

import type {
  ContainerDetails,
  ContainerSummary,
  Engine,
  EngineEvent,
  EngineMachine,
  EngineVersion,
  NetworkDetails,
  Sidecar,
} from '../../src/container/engine.ts'
import type { HostView, InsideInterface } from '../../src/container/host-view.ts'
import type { ListeningSocket } from '../../src/core/ports.ts'

export function idOf(text: string): string {
  return Buffer.from(text).toString('hex').padEnd(64, '0').slice(0, 64)
}

export const BRIDGE: NetworkDetails = {
  id: 'f'.repeat(64),
  name: 'bridge',
  driver: 'bridge',
  scope: 'local',
  subnets: ['172.17.0.0/16'],
  gateways: ['172.17.0.1'],
  bridge: 'docker0',
}

export const FRONT: NetworkDetails = {
  id: 'abcdef123456'.padEnd(64, '0'),
  name: 'front',
  driver: 'bridge',
  scope: 'local',
  subnets: ['10.5.0.0/16'],
  gateways: ['10.5.0.1'],
  bridge: 'br-abcdef123456',
}

export const MACVLAN: NetworkDetails = {
  id: 'dd'.repeat(32),
  name: 'lan',
  driver: 'macvlan',
  scope: 'local',
  subnets: ['192.0.2.0/24'],
  gateways: [],
  bridge: '',
}

export function container(name: string, more: Partial<ContainerDetails> = {}): ContainerDetails {
  return {
    id: idOf(name),
    name,
    image: 'nginx',
    labels: {},
    state: 'running',
    networkMode: 'bridge',
    networks: [attachment('bridge', '172.17.0.2', '02:42:ac:11:00:02')],
    ports: [],
    pid: 4000,
    startedAt: '2026-01-01T00:00:00Z',
    finishedAt: '',
    exitCode: 0,
    isOutOfMemory: false,
    exposedPorts: [],
    ...more,
  }
}

export function attachment(network: string, address: string, macAddress: string, address6 = '') {
  return { network, networkId: '', macAddress, address, address6, aliases: [] }
}

export class FakeEngine implements Engine {
  readonly address = 'unix:///fake.sock'
  readonly containers = new Map<string, ContainerDetails>()
  networkList = [BRIDGE, FRONT, MACVLAN]
  answers: Record<string, string> = {}
  pids: number[] = []
  asked: string[] = []
  #listener: ((event: EngineEvent) => void) | undefined

  constructor(...containers: ContainerDetails[]) {
    for (const each of containers) this.containers.set(each.id, each)
  }

  emit(kind: EngineEvent['kind'], each?: ContainerSummary, network = ''): void {
    this.#listener?.({
      kind,
      id: each?.id ?? '',
      name: each?.name ?? '',
      labels: each?.labels ?? {},
      network,
      reason: kind === 'lost' ? 'connection reset' : '',
    })
  }

  start(each: ContainerDetails): void {
    this.containers.set(each.id, each)
    this.emit('start', each)
  }

  stop(id: string): void {
    const each = this.containers.get(id)!
    const networks = each.networks.map((a) => ({ ...a, address: '', macAddress: '' }))
    this.containers.set(id, { ...each, state: 'exited', pid: 0, networks })
    this.emit('die', each)
  }

  rename(id: string, name: string): void {
    const each = { ...this.containers.get(id)!, name }
    this.containers.set(id, each)
    this.emit('rename', each)
  }

  remove(id: string): void {
    const each = this.containers.get(id)!
    this.containers.delete(id)
    this.emit('destroy', each)
  }

  async version(): Promise<EngineVersion> {
    return { product: 'Docker', version: '27', apiVersion: '1.47', operatingSystem: 'linux' }
  }

  async list(all: boolean): Promise<ContainerSummary[]> {
    this.asked.push(`list ${all}`)
    return [...this.containers.values()].filter((c) => all || c.state === 'running')
  }

  async inspect(idOrName: string): Promise<ContainerDetails | undefined> {
    this.asked.push(`inspect ${idOrName.slice(0, 6)}`)
    return this.containers.get(idOrName) ?? [...this.containers.values()].find((c) => c.name === idOrName)
  }

  async networks(): Promise<NetworkDetails[]> {
    return this.networkList
  }

  async processIds(): Promise<number[]> {
    return this.pids
  }

  async machine(): Promise<EngineMachine> {
    return { hostname: '', kernelVersion: '', memoryBytes: 0, rootless: false }
  }

  elsewhere = 0
  async tasksElsewhere(): Promise<number> {
    return this.elsewhere
  }

  async execute(id: string): Promise<string | undefined> {
    return this.answers[id]
  }

  async watch(onEvent: (event: EngineEvent) => void): Promise<void> {
    this.#listener = onEvent
  }

  async ownImage(): Promise<string | undefined> {
    return undefined
  }

  async hasImage(): Promise<boolean> {
    return true
  }

  async startSidecar(): Promise<Sidecar> {
    throw new Error('no sidecars in this test')
  }

  async close(): Promise<void> {}
}

const ENGINE_PID = 3999

export class FakeView implements HostView {
  /** Container ids whose processes are visible here. */
  visible = new Set<string>()
  bridges = new Set(['docker0', 'br-abcdef123456'])
  inside: InsideInterface[] = [{ name: 'eth0', index: 2, linkIndex: 7, macAddress: '02:42:ac:11:00:02' }]
  /** By link index. */
  veths: Record<number, string> = { 7: 'veth7' }
  forwarding: Record<string, string> = {}
  roused: string[] = []
  onRouse: () => void = () => {}
  refusal: string | undefined
  ports: number[] = []
  sockets: ListeningSocket[] = []
  namespace = '4026532000'
  /** Of containers on the host's network. */
  onOurNetwork: boolean | undefined = true
  /** The engine's part that started a container is in our network. */
  engineIsHere: boolean | undefined = true

  async look(): Promise<void> {}

  belongsTo(_pid: number, containerId: string): boolean {
    return this.visible.has(containerId)
  }
  parentOf(): number | undefined {
    return ENGINE_PID
  }
  isInOurNetwork(pid: number): boolean | undefined {
    return pid === ENGINE_PID ? this.engineIsHere : this.onOurNetwork
  }
  namespaceOf(pid?: number): string | undefined {
    return pid === undefined ? '4026531840' : this.namespace
  }
  interfacesInside(): InsideInterface[] {
    return this.inside
  }
  vethOf(inside: InsideInterface): string | undefined {
    return this.veths[inside.linkIndex]
  }
  vethByForwarding(_bridge: string, macAddress: string): string | undefined {
    return this.forwarding[macAddress]
  }
  hasBridge(bridge: string): boolean {
    return this.bridges.has(bridge)
  }
  async rouse(address: string): Promise<void> {
    this.roused.push(address)
    this.onRouse()
  }
  whyNotEnter(): string | undefined {
    return this.refusal
  }
  listeningSockets(): ListeningSocket[] {
    return this.sockets
  }
  listeningPorts(): number[] {
    return this.ports
  }
  hostAddresses(): string[] {
    return ['192.0.2.1']
  }
}
