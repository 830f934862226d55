// What a capture does not show, and so nobody can judge.

import { byteSize, counted } from '../core/plain-numbers.ts'
import type { Diagnosis } from '../diagnosis/diagnosis.ts'
import type { Plan } from '../plan.ts'

/** What containers say to themselves does not come to their networks. */
function takesNetworksOnly({ input }: Plan): boolean {
  if (input.kind !== 'live' || input.containers === undefined) return false
  const { containers, services, labels } = input.containers
  return containers.length + services.length + labels.length === 0
}

/** Sentences without a full stop. `told`: ids of findings that say it already. */
export function notJudged(diagnosis: Diagnosis, plan: Plan, told: ReadonlySet<string>): string[] {
  const { capture } = diagnosis
  const sentences: string[] = []
  const add = (n: number, id: string, sentence: () => string): void => {
    if (n > 0 && !told.has(id)) sentences.push(sentence())
  }
  add(
    capture.kernelDrops,
    'capture-loss',
    () => `what was in ${counted(capture.kernelDrops, 'packet')} that the kernel dropped`,
  )
  const oneWay = capture.toServerOnly + capture.toClientOnly
  add(oneWay, 'one-way', () => `the other direction of ${counted(oneWay, 'connection')}, of which one was captured`)
  add(
    capture.cutSegments,
    'cut-short',
    () =>
      `${byteSize(capture.cutBytes)} of ${counted(capture.cutSegments, 'packet')}, cut short by the snapshot length`,
  )
  add(
    capture.metMidway,
    'mid-stream',
    () => `how ${counted(capture.metMidway, 'connection')} began: before the capture did`,
  )
  if (takesNetworksOnly(plan))
    sentences.push('connections to localhost and DNS through 127.0.0.11: name the containers, not only their network')
  if (plan.filter !== '')
    sentences.push(`what the filter leaves out (${plan.filter}): ARP, ICMP errors and DNS may be among it`)
  add(capture.notFollowed, '', () => `${counted(capture.notFollowed, 'connection')} too many to be followed`)
  add(diagnosis.casesBeyond, '', () => `${counted(diagnosis.casesBeyond, 'case')} of too many different findings`)
  return sentences
}
