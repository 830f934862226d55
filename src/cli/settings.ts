// The values of the flags, before they are checked together and made into a plan. Undefined means "not given".

import type { FindingSeverity } from '../core/finding.ts'
import type { LatencyGrouping, LatencyPlan, ListenPlan } from '../plan.ts'

export type CommandName =
  | 'dump'
  | 'latency'
  | 'diagnose'
  | 'tcpkit'
  | 'list'
  | 'containers'
  | 'completion'
  | 'help'
  | 'version'

/** Of `tcpflow latency` and bin/tcpkit. */
export class LatencySettings {
  protocol: string | undefined
  json = false
  threshold: LatencyPlan['threshold']
  top = 0
  by: LatencyGrouping[] | undefined
  everyMillis = 0
  timeoutMillis: number | undefined
  tableOnly = false
  compare = false
  stats: Omit<ListenPlan, 'required'> | undefined
  metrics: Omit<ListenPlan, 'required'> | undefined
  /** tcpkit -A */
  packetText = false
}

/** Of `tcpflow diagnose`. */
export class DiagnoseSettings {
  json = false
  /** '': all. */
  explain: string | undefined
  ids: string[] | undefined
  notIds: string[] = []
  minimumSeverity: FindingSeverity = 'note'
  slowMillis: number | undefined
  hungAfterMillis: number | undefined
  everyMillis = 0
  exitCode = false
  keepAround: string[] | undefined
  keepMemoryBytes: number | undefined
}

/** Commands with flags of their own. */
export type FlagTableName = 'dump' | 'latency' | 'diagnose' | 'containers' | 'tcpkit'

export class Settings {
  command: CommandName = 'dump'
  /** The command that the flags belong to, for --help. */
  flagTable: FlagTableName = 'dump'
  completionShell = ''

  interfaces: string[] = []
  paths: string[] = []
  finishPaths: string[] = []
  /** -l: the words are files and not a filter. */
  wordsAreFiles = false
  promiscuous = true
  snapshotBytes: number | undefined
  kernelBufferBytes: number | undefined
  bufferTimeoutMillis: number | undefined
  unwrapTunnels = true
  udp = false
  dropToUser: string | undefined
  hostNames = true

  containers: string[] = []
  services: string[] = []
  labels: string[] = []
  networks: string[] = []
  via: 'veth' | 'bridge' | 'netns' | 'sidecar' | undefined
  wait = false
  sidecarImage: string | undefined
  dockerHost: string | undefined

  console: 'names' | 'bare' | undefined
  color: 'auto' | 'always' | 'never' = 'auto'
  binary = false
  hex = false
  newline = true
  strip = false
  asciiOnly = false
  timestamps = false
  decodeBodies = false
  connectionSummary = false

  json: 'text' | 'base64' | 'none' | undefined

  outputFolder: string | undefined
  nameTemplate: string | undefined
  /** -F letters in the order given. */
  nameLetters = ''
  maximumBytes: number | undefined
  maximumJumpBytes: number | undefined
  maximumOpenFiles: number | undefined
  index = false
  packetsPerFlow = false
  merge = false
  gaps: 'hole' | 'skip' | 'mark' | undefined
  reportPath: string | undefined
  /** -S enable_report=NO */
  report = true
  /** Scanners: -a and -e, -E, -x. */
  scanners = new Set<'http' | 'md5'>()
  decompressBodies = true
  maximumUnpackedBytes: number | undefined

  scripts: string[] = []

  savePath: string | undefined
  rotateBytes: number | undefined
  rotateSeconds: number | undefined
  keep: number | undefined

  quiet = false
  notes = true
  verbosity = 0

  readonly latency = new LatencySettings()
  readonly diagnose = new DiagnoseSettings()

  /** Lines about flags that were given but have no effect; printed on stderr, unless -q. */
  remarks: string[] = []
}
