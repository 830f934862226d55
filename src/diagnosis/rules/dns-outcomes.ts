// dns-name-unknown, dns-failed, dns-search-storm: what a look-up came to, all its queries put together.

import { editDistance } from '../../core/edit-distance.ts'
import { counted } from '../../core/plain-numbers.ts'
import type { AskedName, Lookup } from '../dns-lookups.ts'
import { DOCKER_RESOLVER, dnsSubject } from '../dns-subject.ts'
import type { Description, Judge } from '../rule.ts'
import { DNS_FAILED, DNS_NAME_UNKNOWN, DNS_SEARCH_STORM } from './dns-kinds.ts'

const SUFFIXES_IN_VAIN = 3
const LOOKUPS_BEFORE_STORM = 2
const MAXIMUM_CLIENTS = 4096
/** Different names of one client that do not exist: what is more is one finding. */
const MAXIMUM_NAMES_TOLD = 20
const MAXIMUM_KNOWN_NAMES = 512
const NO_SUCH_NAME = 'NXDOMAIN'

export class DnsOutcomes {
  readonly #judge: Judge
  /** By client: look-ups that had to go through the list of suffixes. */
  readonly #storms = new Map<string, number>()
  /** By client: names that do not exist, and were told one by one. */
  readonly #unknown = new Map<string, Set<string>>()
  /** Names that exist, for "did you mean". */
  readonly #known = new Set<string>()

  constructor(judge: Judge) {
    this.#judge = judge
  }

  noteExists(name: string): void {
    if (this.#known.size < MAXIMUM_KNOWN_NAMES) this.#known.add(name.toLowerCase())
  }

  judge(lookup: Lookup): void {
    const { unknown, failed } = lookup
    if (lookup.answered) {
      if (unknown.length >= SUFFIXES_IN_VAIN) this.#storm(lookup)
      if (failed.length > 0) this.#failed(lookup, true)
    } else if (failed.length > 0) {
      this.#failed(lookup, false)
    } else {
      this.#nameUnknown(lookup)
    }
  }

  #nameUnknown(lookup: Lookup): void {
    const { place, unknown } = lookup
    const { meant } = lookup
    const isSearched = unknown.length > 1
    // different names of one beginning, and the beginning itself was not asked
    const names = meant === '' ? unknown.map(({ name }) => name) : [meant]
    for (const name of names) {
      const [first] = unknown.filter((each) => meant !== '' || each.name === name)
      const last = unknown.at(-1)!
      const subject = {
        ...dnsSubject({ place, client: lookup.client, server: first!.server }, name),
        ...(this.#isOneOfMany(lookup, name) ? { name: '' } : {}),
      }
      this.#judge.find(DNS_NAME_UNKNOWN, subject, 'certain', () => {
        const suffixes =
          isSearched && meant !== ''
            ? `, nor with ${counted(unknown.length - 1, 'search suffix', 'search suffixes')}`
            : ''
        return {
          cause: `${this.#judge.hostOf(place, first!.server)} does not know the name ${name}${suffixes}.${this.#nearest(name)}`,
          next: nextForName(name, first!.server.address),
          evidence: (meant === '' ? [first!] : first === last ? [first!] : [first!, last]).map((each) => ({
            micros: each.micros,
            text: `NXDOMAIN: ${each.name}`,
          })),
        }
      })
    }
  }

  #failed(lookup: Lookup, helped: boolean): void {
    const { place, client } = lookup
    const found = helped ? lookup.names.find(({ answered }) => answered) : undefined
    for (const each of lookup.failed) {
      // the query without EDNS that follows is the usual way to deal with servers that do not know it
      if (each.code === 'FORMERR' && found?.name === each.name) continue
      const subject = {
        ...dnsSubject({ place, client, server: each.server }, each.name),
        group: helped ? `${each.code} ${severityOf(each)}` : each.code,
        ...(helped ? { severity: severityOf(each) } : {}),
      }
      this.#judge.find(DNS_FAILED, subject, 'certain', () => ({
        cause: `${this.#judge.hostOf(place, each.server)} answered ${each.code} for ${each.name}: ${meaningOf(each.code)}.${helped ? ' The name was found in the end.' : ''}`,
        next:
          each.code === 'REFUSED'
            ? `use a name server that serves ${this.#judge.hostOf(place, client)}, or allow it there`
            : `dig @${each.server.address} ${each.name}; see its log, and the server that it asks`,
        evidence: [{ micros: each.micros, text: `${each.code}: ${each.name}` }],
      }))
      if (!helped) return
    }
  }

  #storm(lookup: Lookup): void {
    const { place, client, unknown } = lookup
    const key = `${place} ${client.address}`
    const before = this.#storms.get(key) ?? 0
    if (before === 0 && this.#storms.size >= MAXIMUM_CLIENTS) return
    this.#storms.set(key, before + 1)
    if (before + 1 < LOOKUPS_BEFORE_STORM) return
    const found = lookup.names.find(({ answered }) => answered)!
    const queries = unknown.reduce((sum, each) => sum + each.queries, 0)
    const subject = dnsSubject({ place, client, server: found.server }, '')
    const describe = (): Description => ({
      cause: `${this.#judge.hostOf(place, client)} asks for ${counted(unknown.length, 'name')} that do not exist before each that does: ${counted(queries, 'query', 'queries')} in vain for ${found.name}.`,
      next: `write the name with a dot at its end (${found.name}.), or set ndots:1`,
      evidence: [...unknown.slice(0, 3), found].map((each) => ({
        micros: each.micros,
        text: `${each.answered ? 'found' : NO_SUCH_NAME}: ${each.name}`,
      })),
    })
    // the first told nothing yet
    const cases = before + 1 === LOOKUPS_BEFORE_STORM ? LOOKUPS_BEFORE_STORM : 1
    for (let i = 0; i < cases; i++) this.#judge.find(DNS_SEARCH_STORM, subject, 'certain', describe)
  }

  #isOneOfMany({ place, client }: Lookup, name: string): boolean {
    const key = `${place} ${client.address}`
    const told = this.#unknown.get(key) ?? new Set()
    if (told.has(name)) return false
    if (told.size >= MAXIMUM_NAMES_TOLD || (told.size === 0 && this.#unknown.size >= MAXIMUM_CLIENTS)) return true
    told.add(name)
    this.#unknown.set(key, told)
    return false
  }

  /** A name that was answered and looks like it; '' for none. */
  #nearest(name: string): string {
    const allowed = name.length > 4 ? 2 : 1
    for (const known of this.#known) {
      if (Math.abs(known.length - name.length) <= allowed && editDistance(known, name) <= allowed)
        return ` ${known} exists.`
    }
    return ''
  }
}

/** A server that knows the name and refuses AAAA alone keeps nobody waiting; after SERVFAIL resolvers ask again, or give up. */
function severityOf({ code, server, answeredBy }: AskedName): 'warning' | 'note' {
  return answeredBy.includes(server.address) && code !== 'SERVFAIL' ? 'note' : 'warning'
}

function nextForName(name: string, server: string): string {
  if (name.includes('.')) return `check how ${name} is written; dig @${server} ${name}`
  return server === DOCKER_RESOLVER
    ? `is a container with the name or alias ${name} running, on the same network? tcpflow containers; docker network connect NETWORK ${name}`
    : `${name} is no full name: names of containers are known on networks of your own only, not on Docker’s default bridge (docker network create)`
}

function meaningOf(code: string): string {
  switch (code) {
    case 'SERVFAIL':
      return 'it failed itself, mostly because the server that it asks did'
    case 'REFUSED':
      return 'it does not serve this client or this name'
    case 'FORMERR':
      return 'it does not understand the query'
    case 'NOTIMP':
      return 'it does not know this sort of query'
    default:
      return 'it could not answer'
  }
}
