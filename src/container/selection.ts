// Which containers the operator means: names, ids, id prefixes and globs, services, labels, networks.

import { editDistance } from '../core/edit-distance.ts'
import { OperatorError } from '../core/errors.ts'
import type { ContainerSummary } from './engine.ts'

/**
 * `containers`, `services` and `labels` add up. `networks` alone means everything on those networks. Beside the others,
 * `networks` means only their traffic on those networks.
 */
export interface ContainerSelection {
  /** --container: name, id, unique id prefix or glob. */
  readonly containers: readonly string[]
  /** --service: of Compose or Swarm. */
  readonly services: readonly string[]
  /** --label: KEY or KEY=VALUE. */
  readonly labels: readonly string[]
  /** --network: name or id. */
  readonly networks: readonly string[]
}

/** A glob leaves out containers with this label, above all those that watch the others. */
const IGNORE_LABEL = 'tcpflow.ignore'
const SERVICE_LABELS = ['com.docker.compose.service', 'com.docker.swarm.service.name', 'io.podman.compose.service']
const COMPOSE_PROJECT_LABEL = 'com.docker.compose.project'
const PROJECT_LABELS = [COMPOSE_PROJECT_LABEL, 'io.podman.compose.project', 'com.docker.stack.namespace']
const MINIMUM_PREFIX_CHARACTERS = 2
/** Engines print as much of an id. No name looks like that by chance. */
const SHORT_ID_CHARACTERS = 12
const MOST_NAMES_SHOWN = 8

/** One thing that the operator named, and which containers it means. */
export interface Selector {
  /** As typed, with its flag: `--container web`. */
  readonly text: string
  matches(container: Pick<ContainerSummary, 'id' | 'name' | 'labels'>): boolean
  /** It means this container by its id, so no other container can take its place. */
  meansOnly(container: Pick<ContainerSummary, 'id' | 'name'>): boolean
}

/**
 * The selectors that pick containers; none if only networks are named. `known`: all containers, running or not. The beginning
 * of an id means one of these, and no container that comes later: `db` could be the beginning of an id, and is a name, too.
 */
export function selectorsOf(selection: ContainerSelection, known: readonly ContainerSummary[]): Selector[] {
  return [
    ...selection.containers.map((wanted) => containerSelector(wanted, known)),
    ...selection.services.map(serviceSelector),
    ...selection.labels.map(labelSelector),
  ]
}

function containerSelector(wanted: string, known: readonly ContainerSummary[]): Selector {
  const text = `--container ${wanted}`
  const name = wanted.startsWith('/') ? wanted.slice(1) : wanted
  if (/[*?[]/.test(name)) {
    const pattern = globPattern(name)
    return {
      text,
      matches: ({ name, labels }) => pattern.test(name) && !Object.hasOwn(labels, IGNORE_LABEL),
      meansOnly: () => false,
    }
  }
  const named = known.some((c) => c.name === name)
  const pinned = named ? undefined : known.find((c) => isPrefix(name, c.id))?.id
  const isLong = name.length >= SHORT_ID_CHARACTERS
  const isId = ({ id }: { readonly id: string }): boolean =>
    id === name || id === pinned || (isLong && isPrefix(name, id))
  return { text, matches: (c) => c.name === name || isId(c), meansOnly: (c) => c.name !== name && isId(c) }
}

/** Compose's services are also known as PROJECT_SERVICE or PROJECT-SERVICE, Swarm's as STACK_SERVICE. */
function serviceSelector(wanted: string): Selector {
  const pattern = globPattern(wanted)
  return {
    text: `--service ${wanted}`,
    meansOnly: () => false,
    matches: ({ labels }) =>
      SERVICE_LABELS.some((key) => {
        const service = labels[key]
        if (service === undefined) return false
        const project = labels[COMPOSE_PROJECT_LABEL]
        const names = project === undefined ? [service] : [service, `${project}_${service}`, `${project}-${service}`]
        return names.some((each) => pattern.test(each))
      }),
  }
}

/** The service that a container belongs to, and its project (Compose) or stack (Swarm); '' if there is none. */
export function serviceOf(labels: ContainerSummary['labels']): { readonly service: string; readonly project: string } {
  const first = (keys: readonly string[]): string => keys.map((key) => labels[key]).find((value) => value) ?? ''
  const service = first(SERVICE_LABELS)
  return { service, project: service === '' ? '' : first(PROJECT_LABELS) }
}

function labelSelector(wanted: string): Selector {
  const equals = wanted.indexOf('=')
  const key = equals < 0 ? wanted : wanted.slice(0, equals)
  const value = equals < 0 ? undefined : wanted.slice(equals + 1)
  return {
    text: `--label ${wanted}`,
    meansOnly: () => false,
    matches: ({ labels }) => Object.hasOwn(labels, key) && (value === undefined || labels[key] === value),
  }
}

function isPrefix(wanted: string, id: string): boolean {
  return wanted.length >= MINIMUM_PREFIX_CHARACTERS && /^[0-9a-f]+$/.test(wanted) && id.startsWith(wanted)
}

/** Shell wildcards: `*`, `?` and `[a-z]`. */
export function globPattern(glob: string): RegExp {
  let source = ''
  for (let i = 0; i < glob.length; i++) {
    const character = glob[i]!
    const close = character === '[' ? glob.indexOf(']', i + 2) : -1
    if (character === '*') source += '.*'
    else if (character === '?') source += '.'
    else if (close > 0) {
      const inside = glob.slice(i + 1, close).replace(/[\\\]^]/g, '\\$&')
      source += `[${inside.startsWith('!') ? `^${inside.slice(1)}` : inside}]`
      i = close
    } else source += character.replace(/[\\^$.|+(){}[\]]/g, '\\$&')
  }
  try {
    return new RegExp(`^(?:${source})$`, 's')
  } catch {
    // `[z-a]` is no range
    return new RegExp(`^${glob.replace(/[\\^$.|+(){}[\]*?]/g, '\\$&')}$`)
  }
}

/**
 * Throws OperatorError, with the candidates, for the beginning of an id that several containers share and that is no
 * container's name. `all`: also those that do not run.
 */
export function refuseAmbiguous(selection: ContainerSelection, all: readonly ContainerSummary[]): void {
  for (const wanted of selection.containers) {
    if (all.some((c) => c.name === wanted || c.id === wanted)) continue
    const candidates = all.filter((c) => isPrefix(wanted, c.id))
    if (candidates.length < 2) continue
    const shown = candidates.slice(0, MOST_NAMES_SHOWN).map((c) => `${c.name} (${c.id.slice(0, 12)})`)
    throw new OperatorError(
      `--container ${wanted} begins the ids of ${candidates.length} containers`,
      `which of them: ${shown.join(', ')}?`,
    )
  }
}

/** Selectors that match none of these. */
export function unmatched(selectors: readonly Selector[], containers: readonly ContainerSummary[]): Selector[] {
  return selectors.filter((selector) => !containers.some((c) => selector.matches(c)))
}

/** Why nothing is captured for a selector that matches no running container. `all`: also those that do not run. */
export function notRunning(selector: Selector, all: readonly ContainerSummary[]): OperatorError {
  const stopped = all.filter((c) => selector.matches(c))
  const first = stopped[0]
  if (first !== undefined) {
    const which = stopped.length === 1 ? `container ${first.name || first.id.slice(0, 12)}` : selector.text
    return new OperatorError(
      `${which} is not running (${first.state || 'state unknown'})`,
      `start it, or let tcpflow wait for it: --wait ${selector.text}`,
    )
  }
  const kind = selector.text.slice(2).split(' ', 1)[0]!
  const wanted = selector.text.slice(kind.length + 3)
  if (kind === 'label') {
    return new OperatorError(`no container has the label ${wanted}`, 'tcpflow containers lists what is running')
  }
  return new OperatorError(`there is no ${kind} ${wanted}`, closestHint(wanted, candidatesOf(kind, all)))
}

function candidatesOf(kind: string, all: readonly ContainerSummary[]): string[] {
  const names =
    kind === 'service' ? all.flatMap((c) => SERVICE_LABELS.map((key) => c.labels[key] ?? '')) : all.map((c) => c.name)
  return [...new Set(names.filter((name) => name !== ''))]
}

export function closestHint(wanted: string, names: readonly string[]): string {
  if (names.length === 0) return 'nothing like it exists here; --wait waits until it does'
  const distance = new Map(names.map((name) => [name, likeness(wanted.toLowerCase(), name.toLowerCase())]))
  const closest = [...names].sort((a, b) => distance.get(a)! - distance.get(b)! || (a < b ? -1 : 1))
  return `closest: ${closest.slice(0, MOST_NAMES_SHOWN).join(', ')} (tcpflow containers lists them; --wait waits for one to come)`
}

/** The smaller, the closer. A name that contains what was typed is closer than one that is spelt differently. */
function likeness(wanted: string, name: string): number {
  return name.includes(wanted) ? (name.length - wanted.length) / 100 : editDistance(wanted, name)
}
