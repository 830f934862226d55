// Who made a report, when and where.

import type { Io } from '../core/io.ts'
import { type RunInformation, thisSystem } from '../output/report/report-xml.ts'

/** `version`: of this program. */
export function runInformation(version: string, io: Io): RunInformation {
  return {
    version,
    nodeVersion: process.versions.node,
    commandLine: io.commandLine ?? ['tcpflow'],
    startTime: new Date(),
    system: thisSystem(),
    usage: () => process.resourceUsage(),
  }
}
