// -o and the default: a file for each flow, and the report.

import { statSync } from 'node:fs'
import type { Plan } from '../plan.ts'
import type { View } from './view.ts'

/** With this many bytes to read, a second thread is certain to be worth its start. */
const BYTES_FOR_A_THREAD = 64 << 20

export const filesView: View = {
  name: 'files',
  wants: (plan) => plan.files !== undefined,
  async attach({ plan, io, version, arena, names }) {
    const [{ FileSink }, { runInformation }] = await Promise.all([
      import('../output/files/file-sink.ts'),
      import('./run-information.ts'),
    ])
    const files = new FileSink(plan.files!, runInformation(version, io), undefined, arena, names)
    if (bytesOfInput(plan) >= BYTES_FOR_A_THREAD) files.expectMuch()
    return {
      streams: [files],
      segments: files.wantsSegments ? [files] : [],
      datagrams: plan.udp ? [files] : [],
      sinks: [files],
    }
  },
}

/** Of the captures to be read, as far as they are files that can be asked. */
function bytesOfInput({ input }: Plan): number {
  let bytes = 0
  if (input.kind !== 'files') return bytes
  for (const path of input.paths) {
    try {
      bytes += statSync(path).size
    } catch {
      // standard input, or a file that was opened while we might; what is wrong with it is said when it is read
    }
  }
  return bytes
}
