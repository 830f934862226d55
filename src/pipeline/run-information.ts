// Who made a report, when and where.

import packageJson from '../../package.json' with { type: 'json' }
import type { Io } from '../core/io.ts'
import { type RunInformation, thisSystem } from '../output/report/report-xml.ts'

export function runInformation(io: Io): RunInformation {
  return {
    version: packageJson.version,
    nodeVersion: process.versions.node,
    commandLine: io.commandLine ?? ['tcpflow'],
    startTime: new Date(),
    system: thisSystem(),
    usage: () => process.resourceUsage(),
  }
}
