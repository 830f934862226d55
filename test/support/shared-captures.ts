// Real captures of other projects' tests. They lie beside the repository in ../shared/captures, and CI has them; where they are
// absent, the tests that need them are skipped aloud.

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

export const SHARED_CAPTURES = join(import.meta.dirname, '../../../shared/captures')

/** Names of the captures, in order; none where they are absent. */
export function sharedCaptures(pattern: RegExp = /\.(pcap|pcapng|cap)$/): string[] {
  if (!existsSync(SHARED_CAPTURES)) return []
  return readdirSync(SHARED_CAPTURES)
    .filter((name) => pattern.test(name))
    .sort()
}

/** undefined where they are there. */
export function whyNoSharedCaptures(): string | undefined {
  return sharedCaptures().length > 0 ? undefined : '../shared/captures is absent'
}
