// The ids of findings, as people type them.

import { editDistance } from '../core/edit-distance.ts'
import { UsageError } from '../core/errors.ts'
import { FINDING_KINDS } from '../diagnosis/registry.ts'
import { quote } from './quantities.ts'

export type FindingKind = (typeof FINDING_KINDS)[number]

/** Each once, in the order of the documentation. */
export const EXPLAINED_KINDS: readonly FindingKind[] = [...new Set(FINDING_KINDS)]

/** At least one: kinds of different severity may share an id. Throws UsageError, with the nearest id. */
export function findingKindsOf(id: string, flag: string): readonly FindingKind[] {
  const kinds = EXPLAINED_KINDS.filter((kind) => kind.id === id)
  if (kinds.length > 0) return kinds
  throw new UsageError(`${flag}: there is no finding ${quote(id)}`, `did you mean ${nearestId(id)}? ${LIST_THEM}`)
}

const LIST_THEM = "'tcpflow diagnose --explain' lists them all"
/** More of a word that was typed is not looked at. */
const LONGEST_ID = 40

function nearestId(typed: string): string {
  const word = typed.slice(0, LONGEST_ID).toLowerCase()
  const ids = EXPLAINED_KINDS.map(({ id }) => id)
  const begins = ids.find((id) => word !== '' && id.startsWith(word))
  if (begins !== undefined) return begins
  const distances = ids.map((id) => editDistance(word, id))
  return ids[distances.indexOf(Math.min(...distances))]!
}
