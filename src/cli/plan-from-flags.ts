// Makes the plan from all settings: fills in defaults, refuses contradictions, and remarks on flags that have no
// effect.

import { join } from 'node:path'
import { UsageError } from '../core/errors.ts'
import type { ConsolePlan, ContainersPlan, FilesPlan, InputPlan, JsonPlan, Plan, SavePlan } from '../plan.ts'
import { wantsColor } from './color.ts'
import {
  DEFAULT_BUFFER_TIMEOUT_MILLIS,
  DEFAULT_KERNEL_BUFFER_BYTES,
  DEFAULT_SNAPSHOT_BYTES,
} from './flags/source-flags.ts'
import { joinNameTemplate } from './name-template.ts'
import { quote } from './quantities.ts'
import type { Settings } from './settings.ts'

const DEFAULT_MAXIMUM_JUMP_BYTES = 16_777_216
const DEFAULT_MAXIMUM_UNPACKED_BYTES = 256 * 2 ** 20
const DEFAULT_MAXIMUM_OPEN_FILES = 1000

/** What a plan depends on besides the flags; a part of Io. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly stdoutIsTerminal: boolean
  readonly stderrIsTerminal: boolean
}

export interface Planned {
  readonly plan: Plan
  /** Lines about flags that were given but have no effect. */
  readonly remarks: readonly string[]
}

/** Throws UsageError where flags contradict each other. A live plan without interfaces means the default one. */
export function planFromFlags(settings: Settings, words: readonly string[], surroundings: Surroundings): Planned {
  refuseContradictions(settings)
  const input = inputPlan(settings, words)
  const filter = settings.wordsAreFiles ? '' : words.join(' ').trim()
  refuseFileAsFilter(filter, input)
  const wanted = outputsOf(settings)
  const save = savePlan(settings, wanted.onStdout, surroundings)
  const maximumJumpBytes = settings.maximumJumpBytes ?? DEFAULT_MAXIMUM_JUMP_BYTES
  const plan: Plan = {
    input,
    filter,
    decode: {
      unwrapTunnels: settings.unwrapTunnels,
      maximumUnpackedBytes: settings.maximumUnpackedBytes ?? DEFAULT_MAXIMUM_UNPACKED_BYTES,
    },
    flow: { maximumJumpBytes },
    console: wanted.console ? consolePlan(settings, surroundings) : undefined,
    json: jsonPlan(settings),
    files: wanted.flowFiles || wanted.report ? filesPlan(settings, wanted.flowFiles, maximumJumpBytes) : undefined,
    save,
    scripts: settings.scripts,
    connectionSummary: settings.connectionSummary,
    udp: settings.udp,
    names: settings.hostNames,
    notes: settings.notes,
    quiet: settings.quiet,
    verbosity: settings.verbosity,
    progress: showsProgress(settings, input, wanted.onStdout, surroundings),
    dropToUser: settings.dropToUser,
  }
  return { plan, remarks: [...settings.remarks, ...remarksOn(settings, wanted)] }
}

interface Outputs {
  readonly console: boolean
  readonly json: boolean
  /** Something is printed to standard output. */
  readonly onStdout: boolean
  readonly flowFiles: boolean
  /** Only a report, because -X was given with the console. */
  readonly report: boolean
}

/**
 * Files are the default, as in tcpflow; -c, -C and --json write none. -w or --script alone write none either: people
 * who know tcpdump or tcpkit do not expect files in their current folder.
 */
function outputsOf(s: Settings): Outputs {
  const console = s.console !== undefined
  const json = s.json !== undefined
  const shown = console || json
  const elsewhere = s.savePath !== undefined || s.scripts.length > 0
  const flowFiles = !shown && (!elsewhere || fileFlags(s).length > 0)
  return {
    console,
    json,
    onStdout: shown || s.scripts.length > 0,
    flowFiles,
    report: shown && s.reportPath !== undefined,
  }
}

/** The flags given that matter only for flow files, in their short form. */
function fileFlags(s: Settings): string[] {
  const given: [boolean, string][] = [
    [s.outputFolder !== undefined, '-o'],
    [s.nameTemplate !== undefined, '-T'],
    [s.nameLetters !== '', '-F'],
    [s.index, '-I'],
    [s.packetsPerFlow, '-K'],
    [s.merge, '--merge'],
    [s.scanners.size > 0, '-a and -e'],
  ]
  return given.filter(([said]) => said).map(([, flag]) => flag)
}

function refuseContradictions(s: Settings): void {
  const reads = s.paths.length > 0 || s.finishPaths.length > 0 || s.wordsAreFiles
  if (reads && s.interfaces.length > 0) {
    throw new UsageError('-i captures live, but -r, -R and -l read files', 'leave one of them out')
  }
  const containers = s.containers.length + s.services.length + s.labels.length + s.networks.length > 0
  if (reads && containers) {
    throw new UsageError('--container captures live, but -r, -R and -l read files', 'leave one of them out')
  }
  if (containers && s.interfaces.length > 1) {
    throw new UsageError('-i beside --container names one interface inside the container', 'leave the others out')
  }
  if (containers && s.interfaces.length > 0 && (s.via === 'veth' || s.via === 'bridge')) {
    throw new UsageError(
      `-i beside --container names an interface inside the container, and --via ${s.via} captures outside it`,
      'leave one of them out; --via netns and --via sidecar capture inside',
    )
  }
  for (const [value, flag] of [
    [s.containers, '--container'],
    [s.services, '--service'],
    [s.labels, '--label'],
    [s.networks, '--network'],
  ] as const) {
    if (value.some((each) => each.trim() === '')) throw new UsageError(`${flag}: the name is missing`)
  }
  if (s.json !== undefined && s.console !== undefined) {
    throw new UsageError('--json and -c both print to standard output', 'leave one of them out')
  }
  if (s.savePath === '-' && (s.json !== undefined || s.console !== undefined || s.scripts.length > 0)) {
    const other = s.json !== undefined ? '--json' : s.console !== undefined ? '-c' : '--script'
    throw new UsageError(`-w - and ${other} both print to standard output`, 'give -w the name of a file')
  }
  if (s.savePath === undefined && (s.rotateBytes ?? s.rotateSeconds ?? s.keep) !== undefined) {
    throw new UsageError('--rotate-size, --rotate-age and --keep need -w FILE')
  }
  if (s.keep !== undefined && s.rotateBytes === undefined && s.rotateSeconds === undefined) {
    throw new UsageError('--keep needs --rotate-size or --rotate-age')
  }
}

function inputPlan(s: Settings, words: readonly string[]): InputPlan {
  if (s.wordsAreFiles && words.length === 0) {
    throw new UsageError('-l: no files are named', 'for example: tcpflow -c -l *.pcap')
  }
  const paths = s.wordsAreFiles ? [...s.paths, ...words] : s.paths
  const empty = [...paths, ...s.finishPaths].indexOf('')
  if (empty >= 0) throw new UsageError('-r: the name of a file is missing')
  if ([...paths, ...s.finishPaths].filter((path) => path === '-').length > 1) {
    throw new UsageError('standard input (-) can be read only once')
  }
  if (paths.length > 0 || s.finishPaths.length > 0) return { kind: 'files', paths, finishPaths: s.finishPaths }
  if (s.interfaces.includes('')) throw new UsageError('-i: the name of an interface is missing')
  return {
    kind: 'live',
    interfaces: [...new Set(s.interfaces)],
    promiscuous: s.promiscuous,
    snapshotBytes: s.snapshotBytes ?? DEFAULT_SNAPSHOT_BYTES,
    kernelBufferBytes: s.kernelBufferBytes ?? DEFAULT_KERNEL_BUFFER_BYTES,
    bufferTimeoutMillis: s.bufferTimeoutMillis ?? DEFAULT_BUFFER_TIMEOUT_MILLIS,
    containers: containersPlan(s),
  }
}

function containersPlan(s: Settings): ContainersPlan | undefined {
  const { containers, services, labels, networks, via, wait, sidecarImage, dockerHost } = s
  const named = containers.length + services.length + labels.length + networks.length
  if (named === 0) {
    const needless = [via !== undefined && '--via', wait && '--wait', sidecarImage !== undefined && '--sidecar-image']
    const flag = needless.find((each) => each !== false)
    if (flag !== undefined) throw new UsageError(`${flag} needs --container, --service, --label or --network`)
    return undefined
  }
  return { containers, services, labels, networks, via, wait, sidecarImage, dockerHost }
}

/** `tcpflow -c trace.pcap`: libpcap would say only "syntax error". */
function refuseFileAsFilter(filter: string, input: InputPlan): void {
  const match = /(?:^|\s)(\S+\.(?:pcap|pcapng|cap)(?:\.(?:gz|zst|xz|bz2))?)$/i.exec(filter)
  if (match === null) return
  const flag = input.kind === 'live' ? '-r' : '-r again, or -l,'
  throw new UsageError(`${quote(match[1]!)} cannot be part of a filter`, `files are read with ${flag}: -r ${match[1]}`)
}

function consolePlan(s: Settings, surroundings: Surroundings): ConsolePlan {
  return {
    nameTemplate: joinNameTemplate(s.nameTemplate, s.nameLetters),
    format: s.hex ? 'hex' : s.binary ? 'binary' : 'text',
    // tcpflow's -s: a dot for everything that is not printable ASCII, on the console as in files.
    asciiOnly: s.asciiOnly || s.strip,
    names: s.console === 'names',
    newline: s.newline,
    color: wantsColor(s.color, surroundings.env, surroundings.stdoutIsTerminal),
    timestamps: s.timestamps,
    decodeBodies: s.decodeBodies,
    maximumBytes: s.maximumBytes ?? Number.POSITIVE_INFINITY,
    gaps: consoleGaps(s),
  }
}

/** Printed output has no holes; with -B it contains only the flow's bytes, unless marks are asked for. */
function consoleGaps(s: Settings): ConsolePlan['gaps'] {
  if (s.gaps === 'skip') return 'skip'
  return s.binary && !s.hex && s.gaps !== 'mark' ? 'hole' : 'mark'
}

function jsonPlan(s: Settings): JsonPlan | undefined {
  if (s.json === undefined) return undefined
  return {
    nameTemplate: joinNameTemplate(s.nameTemplate, s.nameLetters),
    payload: s.json,
    maximumBytes: s.maximumBytes ?? Number.POSITIVE_INFINITY,
  }
}

function filesPlan(s: Settings, flowFiles: boolean, maximumJumpBytes: number): FilesPlan {
  const outputFolder = s.outputFolder ?? '.'
  return {
    outputFolder,
    nameTemplate: joinNameTemplate(s.nameTemplate, s.nameLetters),
    maximumBytes: s.maximumBytes ?? Number.POSITIVE_INFINITY,
    maximumOpenFiles: s.maximumOpenFiles ?? DEFAULT_MAXIMUM_OPEN_FILES,
    maximumJumpBytes,
    gaps: s.gaps ?? 'hole',
    index: flowFiles && s.index,
    packetsPerFlow: flowFiles && s.packetsPerFlow,
    strip: s.strip,
    merge: s.merge,
    md5: flowFiles && (s.scanners.has('md5') || s.nameLetters.includes('M')),
    httpBodies: flowFiles && s.scanners.has('http'),
    decompressBodies: s.decompressBodies,
    flowFiles: flowFiles && !s.nameLetters.includes('X'),
    reportPath: s.report ? (s.reportPath ?? join(outputFolder, 'report.xml')) : undefined,
  }
}

function savePlan(s: Settings, printing: boolean, surroundings: Surroundings): SavePlan | undefined {
  if (s.savePath === undefined) return undefined
  const rotates = s.rotateBytes !== undefined || s.rotateSeconds !== undefined
  if (s.savePath === '-') {
    if (rotates) throw new UsageError('-w -: standard output cannot be rotated', 'give -w the name of a file')
    if (surroundings.stdoutIsTerminal && !printing) {
      throw new UsageError('-w - would write packets to this terminal', 'tcpflow -w - | wireshark -k -i -')
    }
  }
  return {
    path: s.savePath,
    rotateBytes: s.rotateBytes ?? 0,
    rotateSeconds: s.rotateSeconds ?? 0,
    keep: s.keep ?? 0,
  }
}

/** No progress line while output goes to a terminal: it would break up the output. */
function showsProgress(s: Settings, input: InputPlan, printing: boolean, surroundings: Surroundings): boolean {
  if (input.kind !== 'files' || s.quiet || !surroundings.stderrIsTerminal) return false
  return !(printing && surroundings.stdoutIsTerminal)
}

function remarksOn(s: Settings, wanted: Outputs): string[] {
  const remarks: string[] = []
  const ignored = fileFlags(s)
  if (!wanted.flowFiles && ignored.length > 0) {
    const instead = wanted.json ? '--json prints' : `${s.console === 'bare' ? '-C' : '-c'} prints`
    remarks.push(`${withoutEffect(ignored)}: ${instead} and writes no files`)
  }
  if (wanted.console && s.hex && s.binary) remarks.push('-B has no effect: -D prints a hex dump')
  if (!wanted.console) {
    const consoleOnly: [boolean, string][] = [
      [s.hex, '-D'],
      [s.binary && !wanted.json, '-B'],
      [s.color === 'always', '-J'],
      [s.timestamps, '--time'],
      [s.decodeBodies, '--decode'],
      [s.asciiOnly, '--ascii'],
      [!s.newline, '-0'],
    ]
    const given = consoleOnly.filter(([said]) => said).map(([, flag]) => flag)
    if (given.length > 0) remarks.push(`${withoutEffect(given)}: that is for the console, add -c`)
  }
  return remarks
}

function withoutEffect(flags: readonly string[]): string {
  return `${flags.join(', ')} ${flags.length === 1 ? 'has' : 'have'} no effect`
}
