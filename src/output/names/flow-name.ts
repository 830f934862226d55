// What a flow is called on the console and on disk: tcpflow's templates (`-T`), compiled once, with codes of our own for the
// names of hosts.

import type { Connection, Direction } from '../../core/connection.ts'
import { Endpoint } from '../../core/endpoint.ts'
import { UsageError } from '../../core/errors.ts'
import type { Names } from '../../core/ports.ts'
import type { Transport } from '../../core/segment.ts'
import { pathPart, shownText } from './host-names.ts'

export const DEFAULT_NAME_TEMPLATE = '%A.%a-%B.%b%V%v%C%c'

/** What a part of the template may use. */
interface NameFields {
  names: Names | undefined
  /** Names of hosts, as parts of a path or as people read them. */
  forPaths: boolean
  place: number
  source: Endpoint
  destination: Endpoint
  sourceMacHigh: number
  sourceMacLow: number
  destinationMacHigh: number
  destinationMacLow: number
  vlanId: number
  /** First packet of the flow, seconds since the epoch. */
  seconds: number
  /** 0, 1, 2 … over the flows of a run: twice the connections before this one, plus the direction. */
  flowNumber: number
  counter: number
}

interface Code {
  readonly write: (fields: NameFields) => string
  /** False if it may be empty. */
  readonly alwaysText: boolean
}

/**
 * Every code and what it becomes. Whatever comes from the wire is digits, hexadecimal digits, dots and colons; names of
 * hosts and images are made harmless.
 */
const CODES: Readonly<Record<string, Code>> = {
  A: text((f) => paddedAddress(f.source)),
  a: text((f) => paddedPort(f.source.port)),
  B: text((f) => paddedAddress(f.destination)),
  b: text((f) => paddedPort(f.destination.port)),
  H: text((f) => hostOrAddress(f, f.source)),
  h: text((f) => hostOrAddress(f, f.destination)),
  I: text((f) => imageOf(f, f.source)),
  i: text((f) => imageOf(f, f.destination)),
  E: text((f) => formatMac(f.sourceMacHigh, f.sourceMacLow)),
  e: text((f) => formatMac(f.destinationMacHigh, f.destinationMacLow)),
  V: maybe((f) => (f.vlanId >= 0 ? '--' : '')),
  v: maybe((f) => (f.vlanId >= 0 ? String(f.vlanId) : '')),
  T: text((f) => isoSeconds(f.seconds)),
  t: text((f) => String(f.seconds)),
  C: maybe((f) => (f.counter > 0 ? 'c' : '')),
  c: maybe((f) => (f.counter > 0 ? String(f.counter) : '')),
  '#': text((f) => String(f.counter)),
  N: text((f) => padded3(f.flowNumber % 1000)),
  K: text((f) => padded3(Math.floor(f.flowNumber / 1e3) % 1000)),
  M: text((f) => padded3(Math.floor(f.flowNumber / 1e6) % 1000)),
  G: text((f) => padded3(Math.floor(f.flowNumber / 1e9) % 1000)),
  // the connection, so the same both ways
  S: text((f) => String(Math.floor(f.flowNumber / 2)).padStart(20, '0')),
  '%': text(() => '%'),
}

type Piece = string | Code

const ENDS: readonly Piece[] = [CODES.A!, CODES.a!, CODES.B!, CODES.b!]
const TELLING_APART: readonly (Piece | undefined)[] = [CODES.T, CODES.t, CODES.N, CODES.S]

/**
 * Makes names for flows. Names are relative, with `/` between folders, and stay inside their folder: no part is empty,
 * `.` or `..`.
 */
export class FlowNamer {
  readonly #pieces: readonly Piece[]
  readonly #mustBeChecked: boolean
  /** Later connections on a 4-tuple have other names without a counter, or nearly always. */
  readonly #namesTellApart: boolean
  readonly #fields: NameFields

  constructor(pieces: readonly Piece[], names: Names | undefined, forPaths: boolean) {
    this.#pieces = pieces
    this.#mustBeChecked = !everyPartHasText(pieces)
    this.#namesTellApart = pieces.some((piece) => TELLING_APART.includes(piece))
    this.#fields = {
      names,
      forPaths,
      place: 0,
      source: NOBODY,
      destination: NOBODY,
      sourceMacHigh: -1,
      sourceMacLow: -1,
      destinationMacHigh: -1,
      destinationMacLow: -1,
      vlanId: -1,
      seconds: 0,
      flowNumber: 0,
      counter: 0,
    }
  }

  /** Each flow has a name of its own: `nameWithCounter` of the one with counter 0, in no folder of its own. */
  get plain(): boolean {
    const pieces = this.#pieces
    const counters = pieces.filter((piece) => piece === CODES.C || piece === CODES.c || piece === CODES['#'])
    const last = counters.length === 2 && pieces.at(-2) === CODES.C && pieces.at(-1) === CODES.c
    const ends = ENDS.every((code) => pieces.includes(code))
    return (
      last && ends && !this.#mustBeChecked && !pieces.some((piece) => typeof piece === 'string' && piece.includes('/'))
    )
  }

  /** The counter of a connection's flows: how many there were before on the 4-tuple, unless times tell them apart. */
  firstCounter(c: Connection): number {
    return this.#namesTellApart ? 0 : c.occurrence
  }

  /**
   * The flow from `c.endpoints[d]` to the other end. `counter` is the number of namesakes before it: earlier connections
   * on the 4-tuple, or more where files of those names exist already.
   */
  name(c: Connection, d: Direction, counter: number = this.firstCounter(c)): string {
    const fields = this.#fields
    const stream = c.streams[d]
    fields.place = c.place
    fields.source = c.endpoints[d]
    fields.destination = c.endpoints[d === 0 ? 1 : 0]
    fields.sourceMacHigh = stream.sourceMacHigh
    fields.sourceMacLow = stream.sourceMacLow
    fields.destinationMacHigh = stream.destinationMacHigh
    fields.destinationMacLow = stream.destinationMacLow
    fields.vlanId = c.vlanId
    fields.seconds = stream.packets > 0 ? stream.firstPacketTime.seconds : c.openTime.seconds
    fields.flowNumber = Math.max(0, c.id - 1) * 2 + d
    fields.counter = counter
    return this.#write()
  }

  /** The same for a datagram, which belongs to no connection: its number and its counter are 0. */
  nameOfDatagram(g: Transport): string {
    const fields = this.#fields
    fields.place = g.place
    fields.source = new Endpoint(g.family, g.sourceWord0, g.sourceWord1, g.sourceWord2, g.sourceWord3, g.sourcePort)
    const { destinationWord0, destinationWord1, destinationWord2, destinationWord3, destinationPort } = g
    fields.destination = new Endpoint(
      g.family,
      destinationWord0,
      destinationWord1,
      destinationWord2,
      destinationWord3,
      destinationPort,
    )
    fields.sourceMacHigh = g.sourceMacHigh
    fields.sourceMacLow = g.sourceMacLow
    fields.destinationMacHigh = g.destinationMacHigh
    fields.destinationMacLow = g.destinationMacLow
    fields.vlanId = g.vlanId
    fields.seconds = g.time.seconds
    fields.flowNumber = 0
    fields.counter = 0
    return this.#write()
  }

  #write(): string {
    const fields = this.#fields
    let name = ''
    for (const piece of this.#pieces) name += typeof piece === 'string' ? piece : piece.write(fields)
    return this.#mustBeChecked ? withoutOddParts(name) : name
  }
}

/** Whether FlowNamer.plain is true. */
export function nameWithCounter(first: string, counter: number): string {
  return counter === 0 ? first : `${first}c${counter}`
}

/**
 * Compiles `template`; one without `%c` and `%#` gets `%C%c`, or later connections would have no name. A leading `/` and
 * doubled ones mean nothing. Throws UsageError for an unknown code, and for a template that names a folder or leads out.
 * Without `names` no host has one. `use`: `paths` makes parts of paths of names, `lines` leaves in them what a terminal may
 * show.
 */
export function compileNameTemplate(template: string, names?: Names, use: 'paths' | 'lines' = 'paths'): FlowNamer {
  const pieces: Piece[] = []
  let literal = ''
  let counted = false
  for (let i = 0; i < template.length; i++) {
    const letter = template[i]!
    if (letter !== '%') {
      literal += letter
      continue
    }
    const name = template[++i] ?? ''
    const code = Object.hasOwn(CODES, name) ? CODES[name] : undefined
    if (code === undefined) throw unknownCode(template, name)
    if (name === 'c' || name === '#') counted = true
    if (name === '%') {
      literal += '%'
      continue
    }
    if (literal !== '') pieces.push(literal)
    literal = ''
    pieces.push(code)
  }
  if (literal !== '') pieces.push(literal)
  refuseOddTemplate(template)
  if (!counted) pieces.push(CODES.C!, CODES.c!)
  return new FlowNamer(withoutLeadingSlashes(pieces), names, use === 'paths')
}

/** If the template is tcpflow's own, whatever is around it: the same with names of hosts in place of addresses. */
export function withHostNames(template: string): string {
  return template.replace(/%%|%A\.%a-%B\.%b/g, (match) => (match === '%%' ? match : '%H.%a-%h.%b'))
}

const NOBODY = new Endpoint(4, 0, 0, 0, 0, 0)

function text(write: (fields: NameFields) => string): Code {
  return { write, alwaysText: true }
}

function maybe(write: (fields: NameFields) => string): Code {
  return { write, alwaysText: false }
}

function unknownCode(template: string, name: string): UsageError {
  const what = name === '' ? 'ends with a lone %' : `has an unknown code %${name}`
  return new UsageError(`file name template '${template}' ${what}`, `the codes are %${Object.keys(CODES).join(' %')}`)
}

function refuseOddTemplate(template: string): void {
  const shown = template.replaceAll('\0', '\\0')
  if (template.includes('\0')) throw new UsageError(`file name template '${shown}' has a NUL character in it`)
  const parts = template.split('/')
  if (parts.at(-1) === '') {
    throw new UsageError(
      `file name template '${shown}' names no file`,
      'put something after the last /, such as %A.%a-%B.%b',
    )
  }
  if (parts.includes('..') || parts.includes('.')) {
    throw new UsageError(
      `file name template '${shown}' has '.' or '..' as a folder`,
      'names are put below the output folder: choose that with -o',
    )
  }
}

/** `/a//b` as `a/b`, as tcpflow does. */
function withoutLeadingSlashes(pieces: readonly Piece[]): Piece[] {
  const tidy: Piece[] = []
  for (const piece of pieces) {
    if (typeof piece !== 'string') {
      tidy.push(piece)
      continue
    }
    const single = piece.replace(/\/+/g, '/')
    const literal = tidy.length === 0 ? single.replace(/^\//, '') : single
    if (literal !== '') tidy.push(literal)
  }
  return tidy
}

/** True if each part between slashes always holds more than dots, whatever the flow. */
function everyPartHasText(pieces: readonly Piece[]): boolean {
  // `\u0001` stands for a code that is never empty; codes that may be empty are left out.
  const skeleton = pieces
    .map((piece) => (typeof piece === 'string' ? piece : piece.alwaysText ? '\u0001' : ''))
    .join('')
  return skeleton.split('/').every((part) => /[^.]/.test(part))
}

/** Empty parts are left out (an empty last one is called `flow`); `.` and `..` get an underscore in front. */
function withoutOddParts(name: string): string {
  const parts = name.split('/')
  const last = parts.pop()!
  const folders = parts.filter((part) => part !== '').map(harmless)
  return [...folders, last === '' ? 'flow' : harmless(last)].join('/')
}

function harmless(part: string): string {
  return part === '.' || part === '..' ? `_${part}` : part
}

const PADDED_3 = Array.from({ length: 1000 }, (_, n) => String(n).padStart(3, '0'))

function padded3(n: number): string {
  return PADDED_3[n]!
}

function paddedPort(port: number): string {
  return port >= 10_000 ? String(port) : `0000${port}`.slice(-5)
}

/** IPv4 as four times three digits; IPv6 in its shortest form. */
function paddedAddress(endpoint: Endpoint): string {
  if (endpoint.family === 6) return endpoint.address
  const word = endpoint.word3
  return `${PADDED_3[word >>> 24]}.${PADDED_3[(word >>> 16) & 255]}.${PADDED_3[(word >>> 8) & 255]}.${PADDED_3[word & 255]}`
}

function hostOrAddress({ names, forPaths, place }: NameFields, endpoint: Endpoint): string {
  const name = names?.hostOf(place, endpoint)?.name ?? ''
  return harmlessText(name, forPaths) || paddedAddress(endpoint)
}

function imageOf({ names, forPaths, place }: NameFields, endpoint: Endpoint): string {
  return harmlessText(names?.hostOf(place, endpoint)?.image ?? '', forPaths) || '--'
}

function harmlessText(text: string, forPaths: boolean): string {
  return forPaths ? pathPart(text) : shownText(text)
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** `00:1e:c9:44:d4:68` from the upper and the lower 24 bits; all zeros if there is no such address. */
export function formatMac(high: number, low: number): string {
  if (high < 0) return '00:00:00:00:00:00'
  return `${hex24(high)}:${hex24(low)}`
}

function hex24(bits: number): string {
  return `${HEX[(bits >>> 16) & 255]}:${HEX[(bits >>> 8) & 255]}:${HEX[bits & 255]}`
}

/** `2012-03-29T16:44:12Z`. */
export function isoSeconds(seconds: number): string {
  // beyond what a Date can hold there is no calendar
  if (!(Math.abs(seconds) <= 8.64e12)) return String(seconds)
  return `${new Date(seconds * 1000).toISOString().slice(0, -5)}Z`
}
