// Turns the engine's JSON into the types of engine.ts. Any field may be missing or have another type: then '', 0 or [] stands
// for it.

import type {
  ContainerDetails,
  ContainerSummary,
  EngineEvent,
  EngineMachine,
  EngineVersion,
  NetworkAttachment,
  NetworkDetails,
  PublishedPort,
} from './engine.ts'

/** GET /containers/json. Entries without an id are left out. */
export function containerList(answer: unknown): ContainerSummary[] {
  return array(answer).flatMap((container) => {
    const id = text(at(container, 'Id'))
    const names = array(at(container, 'Names')).map(text)
    // Links of other containers are listed too, as /other/alias.
    const name = withoutSlash(names.find((each) => each.lastIndexOf('/') <= 0) ?? names[0] ?? '')
    const mode = text(at(container, 'HostConfig', 'NetworkMode'))
    const networks = attachments(at(container, 'NetworkSettings', 'Networks'), mode, id, name)
    const summary: ContainerSummary = {
      id,
      name,
      image: text(at(container, 'Image')),
      labels: texts(at(container, 'Labels')),
      state: stateOf(text(at(container, 'State'))),
      networkMode: networkMode(mode, networks),
      networks,
      ports: listedPorts(at(container, 'Ports')),
    }
    return id === '' ? [] : [summary]
  })
}

/** GET /containers/ID/json; undefined when it is no container. */
export function containerDetails(answer: unknown): ContainerDetails | undefined {
  const id = text(at(answer, 'Id'))
  if (id === '') return undefined
  const name = withoutSlash(text(at(answer, 'Name')))
  const state = at(answer, 'State')
  const mode = text(at(answer, 'HostConfig', 'NetworkMode'))
  const networks = attachments(at(answer, 'NetworkSettings', 'Networks'), mode, id, name)
  const running = at(state, 'Running') === true
  return {
    id,
    name,
    image: text(at(answer, 'Config', 'Image')) || text(at(answer, 'ImageName')),
    labels: texts(at(answer, 'Config', 'Labels')),
    state: stateOf(text(at(state, 'Status'))) || (running ? 'running' : ''),
    networkMode: networkMode(mode, networks),
    networks,
    ports: inspectedPorts(at(answer, 'NetworkSettings', 'Ports')),
    pid: wholeNumber(at(state, 'Pid')),
    startedAt: text(at(state, 'StartedAt')),
    finishedAt: text(at(state, 'FinishedAt')),
    exitCode: wholeNumber(at(state, 'ExitCode')),
    isOutOfMemory: at(state, 'OOMKilled') === true,
    exposedPorts: Object.keys(record(at(answer, 'Config', 'ExposedPorts'))),
  }
}

/** GET /info. */
export function engineMachine(info: unknown): EngineMachine {
  return {
    hostname: text(at(info, 'Name')),
    kernelVersion: text(at(info, 'KernelVersion')),
    memoryBytes: wholeNumber(at(info, 'MemTotal')),
    rootless: array(at(info, 'SecurityOptions')).some((option) => text(option).includes('name=rootless')),
  }
}

/** GET /info and GET /tasks: how many run on other nodes than this one. */
export function countTasksElsewhere(info: unknown, tasks: unknown): number {
  const here = text(at(info, 'Swarm', 'NodeID'))
  const elsewhere = array(tasks).filter((task) => {
    const node = text(at(task, 'NodeID'))
    return node !== '' && node !== here && text(at(task, 'Status', 'State')) === 'running'
  })
  return here === '' ? 0 : elsewhere.length
}

/** GET /networks. `podman` is what Podman's own list says of each id; undefined for Docker. */
export function networkList(answer: unknown, podman?: ReadonlyMap<string, PodmanNetwork>): NetworkDetails[] {
  return array(answer).map((network) => {
    const id = text(at(network, 'Id'))
    const own = podman?.get(id)
    const name = own?.name || text(at(network, 'Name'))
    const driver = text(at(network, 'Driver'))
    const ranges = array(at(network, 'IPAM', 'Config'))
    const option = text(at(network, 'Options', 'com.docker.network.bridge.name'))
    return {
      id,
      name,
      driver,
      scope: text(at(network, 'Scope')),
      subnets: ranges.map((range) => text(at(range, 'Subnet'))).filter((each) => each !== ''),
      gateways: ranges.map((range) => text(at(range, 'Gateway'))).filter((each) => each !== ''),
      bridge: driver === 'bridge' ? own?.bridge || option || (podman === undefined ? usualBridge(name, id) : '') : '',
    }
  })
}

function usualBridge(name: string, id: string): string {
  if (name === 'bridge') return 'docker0'
  return id === '' ? '' : `br-${id.slice(0, 12)}`
}

export interface PodmanNetwork {
  readonly name: string
  readonly bridge: string
}

/**
 * Podman's own GET /libpod/networks/json, by network id. Its answer to Docker's call has no bridges, and it calls the default
 * network `bridge` there, while its containers call it `podman`.
 */
export function podmanNetworks(answer: unknown): Map<string, PodmanNetwork> {
  return new Map(
    array(answer).map((network) => {
      const bridge = text(at(network, 'network_interface'))
      return [text(at(network, 'id')), { name: text(at(network, 'name')), bridge }] as const
    }),
  )
}

/** GET /version. */
export function engineVersion(answer: unknown): EngineVersion {
  const components = array(at(answer, 'Components')).map((component) => text(at(component, 'Name')))
  return {
    product: components.some((name) => /podman/i.test(name)) ? 'Podman' : 'Docker',
    version: text(at(answer, 'Version')),
    apiVersion: text(at(answer, 'ApiVersion')),
    operatingSystem: text(at(answer, 'Os')),
  }
}

/** GET /containers/ID/top: the column with the process ids. */
export function topProcessIds(answer: unknown): number[] {
  const column = array(at(answer, 'Titles')).findIndex((title) => /^H?PID$/i.test(text(title)))
  if (column < 0) return []
  return array(at(answer, 'Processes'))
    .map((process) => Number(text(array(process)[column])))
    .filter((pid) => Number.isInteger(pid) && pid > 0)
}

type EventKind = EngineEvent['kind']

/** By Docker's words and Podman's. */
const CONTAINER_EVENTS: Readonly<Record<string, EventKind>> = {
  create: 'create',
  start: 'start',
  die: 'die',
  died: 'die',
  destroy: 'destroy',
  remove: 'destroy',
  rename: 'rename',
}

const NETWORK_EVENTS: Readonly<Record<string, EventKind>> = {
  connect: 'connect',
  disconnect: 'disconnect',
  create: 'network',
  destroy: 'network',
  remove: 'network',
}

/** The filters for GET /events. */
export const EVENT_FILTERS = {
  type: ['container', 'network'],
  event: [...Object.keys(CONTAINER_EVENTS), ...Object.keys(NETWORK_EVENTS)],
}

/** Attributes of an event that are no labels of the container. */
const NO_LABELS = new Set([
  'name',
  'image',
  'exitCode',
  'execDuration',
  'signal',
  'oldName',
  'podId',
  'containerExitCode',
  'containerUuid',
])

/** One line of GET /events; undefined when it is of no interest. */
export function engineEvent(line: unknown): EngineEvent | undefined {
  const type = text(at(line, 'Type'))
  const action = text(at(line, 'Action')) || text(at(line, 'status'))
  const attributes = texts(at(line, 'Actor', 'Attributes'))
  if (type === 'network') {
    const kind = own(NETWORK_EVENTS, action)
    if (kind === 'network') {
      const name = own(attributes, 'name') ?? ''
      return { kind, id: '', name: '', labels: {}, network: name, reason: '' }
    }
    const container = own(attributes, 'container')
    // Podman's event names the container as its actor, and the network only in newer versions (`network`).
    const id = container ?? text(at(line, 'Actor', 'ID'))
    const network = own(attributes, container === undefined ? 'network' : 'name') ?? ''
    if (kind === undefined || id === '') return undefined
    return { kind, id, name: '', labels: {}, network, reason: '' }
  }
  const kind = type === 'container' ? own(CONTAINER_EVENTS, action) : undefined
  const id = text(at(line, 'Actor', 'ID')) || text(at(line, 'id'))
  if (kind === undefined || id === '') return undefined
  const labels = Object.fromEntries(Object.entries(attributes).filter(([name]) => !NO_LABELS.has(name)))
  return { kind, id, name: withoutSlash(own(attributes, 'name') ?? ''), labels, network: '', reason: '' }
}

function attachments(networks: unknown, mode: string, id: string, name: string): NetworkAttachment[] {
  // For a container that shares another one's network, Podman repeats the other's attachments, and Docker gives none.
  if (mode.startsWith('container:')) return []
  return Object.entries(record(networks)).map(([network, settings]) => ({
    network,
    // Podman gives the name in place of the id.
    networkId: text(at(settings, 'NetworkID')) === network ? '' : text(at(settings, 'NetworkID')),
    macAddress: text(at(settings, 'MacAddress')).toLowerCase(),
    address: text(at(settings, 'IPAddress')),
    address6: text(at(settings, 'GlobalIPv6Address')),
    aliases: array(at(settings, 'Aliases'))
      .map(text)
      .filter((alias) => alias !== '' && alias !== name && !(alias.length >= 12 && id.startsWith(alias))),
  }))
}

/** The mode may name a network by its id. `default` means the network `bridge`. */
function networkMode(mode: string, networks: readonly NetworkAttachment[]): string {
  if (mode === 'default') return 'bridge'
  if (mode === '' || networks.some(({ network }) => network === mode)) return mode
  return networks.find(({ networkId }) => networkId.startsWith(mode))?.network ?? mode
}

/** Podman has other words for some states. */
function stateOf(state: string): string {
  const lower = state.toLowerCase()
  if (lower === 'configured' || lower === 'initialized') return 'created'
  return lower === 'stopped' ? 'exited' : lower
}

function listedPorts(ports: unknown): PublishedPort[] {
  return array(ports).flatMap((port) => {
    const hostPort = wholeNumber(at(port, 'PublicPort'))
    const published = {
      protocol: text(at(port, 'Type')) || 'tcp',
      containerPort: wholeNumber(at(port, 'PrivatePort')),
      hostAddress: text(at(port, 'IP')),
      hostPort,
    }
    return hostPort === 0 ? [] : [published]
  })
}

/** `{"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}], "443/tcp": null}` */
function inspectedPorts(ports: unknown): PublishedPort[] {
  return Object.entries(record(ports)).flatMap(([port, bindings]) => {
    const [number = '', protocol = 'tcp'] = port.split('/')
    return array(bindings).flatMap((binding) => {
      const hostPort = Number(text(at(binding, 'HostPort')))
      const hostAddress = text(at(binding, 'HostIp'))
      if (!(hostPort > 0)) return []
      return [{ protocol, containerPort: wholeNumber(Number(number)), hostAddress, hostPort }]
    })
  })
}

function withoutSlash(name: string): string {
  return name.replace(/^\//, '')
}

function at(value: unknown, ...path: readonly string[]): unknown {
  let found = value
  for (const name of path) found = own(record(found), name)
  return found
}

function own<T>(values: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}

function array(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function texts(value: unknown): Record<string, string> {
  return Object.fromEntries(
    Object.entries(record(value)).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}

function wholeNumber(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0
}
