// tcpflow's "scanners": what may be done with a flow besides writing it to a file.

import { UsageError } from '../core/errors.ts'
import { quote } from './quantities.ts'
import type { Settings } from './settings.ts'

const SCANNERS = ['http', 'md5'] as const
type Scanner = (typeof SCANNERS)[number]

/** tcpflow's other scanners, and why they are not supported. */
const MISSING: Readonly<Record<string, string>> = {
  netviz: 'it draws a picture of the traffic, and this tcpflow draws none',
  wifiviz: 'it draws a picture of the traffic, and this tcpflow draws none',
  python: 'this tcpflow does not run Python; read the flows with --json instead',
}

/** -e NAME, and -a as `all`. */
export function enableScanner(settings: Settings, name: string, flag: string): void {
  for (const scanner of resolve(name, flag)) settings.scanners.add(scanner)
}

/** -E NAME. */
export function onlyScanner(settings: Settings, name: string, flag: string): void {
  settings.scanners.clear()
  enableScanner(settings, name, flag)
}

/** -x NAME. */
export function disableScanner(settings: Settings, name: string, flag: string): void {
  if (name === 'tcpdemux')
    throw new UsageError(`${flag} tcpdemux is not supported: that scanner writes the flows`, 'for only the report: -FX')
  // A scanner that does not exist here need not be turned off.
  if (name in MISSING) return
  for (const scanner of resolve(name, flag)) settings.scanners.delete(scanner)
}

function resolve(name: string, flag: string): readonly Scanner[] {
  if (name === 'all') return SCANNERS
  // tcpflow's name for writing the flows, which is always on.
  if (name === 'tcpdemux') return []
  const found = SCANNERS.find((scanner) => scanner === name)
  if (found !== undefined) return [found]
  const why = MISSING[name]
  if (why !== undefined) throw new UsageError(`${flag} ${name} is not supported: ${why}`)
  throw new UsageError(`${flag}: there is no scanner ${quote(name)}`, 'there are http, md5 and all')
}
