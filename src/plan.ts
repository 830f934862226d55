// What a run of the dump is to do, as plain data: cli/ makes it out of flags, pipeline.ts carries it out.

import type { FindingSeverity } from './core/finding.ts'

export interface Plan {
  readonly input: InputPlan
  /** BPF expression; '' for none. */
  readonly filter: string
  readonly decode: { readonly unwrapTunnels: boolean; readonly maximumUnpackedBytes: number }
  readonly flow: FlowPlan
  readonly console: ConsolePlan | undefined
  readonly json: JsonPlan | undefined
  readonly files: FilesPlan | undefined
  readonly save: SavePlan | undefined
  /** tcpflow latency, and bin/tcpkit: instead of console, JSON and files. */
  readonly latency?: LatencyPlan | undefined
  /** tcpflow diagnose: instead of console, JSON and files. */
  readonly diagnose?: DiagnosePlan | undefined
  /** --script: files, in the order given. */
  readonly scripts: readonly string[]
  /** One line per connection at its close, on stdout where the console goes, else on stderr. */
  readonly connectionSummary: boolean
  /** Also dump UDP datagrams (console, JSON, files). */
  readonly udp: boolean
  /** Hosts are shown by name where one is known; false: addresses only, as in tcpflow. */
  readonly names: boolean
  /** Lines about refused, unanswered and reset connections. */
  readonly notes: boolean
  /** -q: no start line, no progress, no end summary. */
  readonly quiet: boolean
  /** -v and -d N; 0 normal. */
  readonly verbosity: number
  /** Show progress on stderr when it is a terminal and the input is a file. */
  readonly progress: boolean
  /** -U: user name to become once the sources are open. */
  readonly dropToUser: string | undefined
}

export type InputPlan =
  | {
      readonly kind: 'live'
      /** At least one when it comes to the pipeline: cli/ puts the default in. */
      readonly interfaces: readonly string[]
      readonly promiscuous: boolean
      readonly snapshotBytes: number
      readonly kernelBufferBytes: number
      readonly bufferTimeoutMillis: number
      /** Containers instead of interfaces; then `interfaces` names at most one, inside their namespaces. */
      readonly containers: ContainersPlan | undefined
    }
  | {
      readonly kind: 'files'
      /** `-` is standard input. */
      readonly paths: readonly string[]
      /** -R: read after the others, only to finish connections that they opened. */
      readonly finishPaths: readonly string[]
    }

/** Which containers, and how. */
export interface ContainersPlan {
  /** Names, ids, id prefixes, globs. */
  readonly containers: readonly string[]
  readonly services: readonly string[]
  /** KEY or KEY=VALUE. */
  readonly labels: readonly string[]
  readonly networks: readonly string[]
  readonly via: 'veth' | 'bridge' | 'netns' | 'sidecar' | undefined
  readonly wait: boolean
  /** undefined: the image that we run from, else the published one. */
  readonly sidecarImage: string | undefined
  /** --docker-host; undefined: as the docker program finds it. */
  readonly dockerHost: string | undefined
}

export interface FlowPlan {
  /** -m: a jump of the sequence number beyond this starts a new flow. */
  readonly maximumJumpBytes: number
}

export interface ConsolePlan {
  /** -T and -F, joined: what flows are called. */
  readonly nameTemplate: string
  /** text: sanitised for a terminal; binary: as it is (-B); hex: 32 bytes a line with ASCII column (-D). */
  readonly format: 'text' | 'binary' | 'hex'
  /** --ascii: everything that is not printable ASCII becomes a dot. */
  readonly asciiOnly: boolean
  /** false: -C. */
  readonly names: boolean
  /** false: -0. */
  readonly newline: boolean
  readonly color: boolean
  readonly timestamps: boolean
  /** --decode: HTTP bodies de-chunked and decompressed. */
  readonly decodeBodies: boolean
  /** -b: most bytes shown of a flow; Infinity for all. */
  readonly maximumBytes: number
  readonly gaps: 'hole' | 'skip' | 'mark'
}

export interface JsonPlan {
  /** As in ConsolePlan. */
  readonly nameTemplate: string
  readonly payload: 'text' | 'base64' | 'none'
  readonly maximumBytes: number
}

export interface FilesPlan {
  readonly outputFolder: string
  /** -T and -F, already joined to one template. */
  readonly nameTemplate: string
  /** -b; Infinity for all. */
  readonly maximumBytes: number
  readonly maximumOpenFiles: number
  readonly maximumJumpBytes: number
  readonly gaps: 'hole' | 'skip' | 'mark'
  /** -I */
  readonly index: boolean
  /** -K */
  readonly packetsPerFlow: boolean
  /** -s */
  readonly strip: boolean
  /** --merge */
  readonly merge: boolean
  readonly md5: boolean
  /** -e http / -a */
  readonly httpBodies: boolean
  /** false with -Z: HTTP bodies are written as they were sent; absent: true. */
  readonly decompressBodies?: boolean
  /** false with -FX: only the report is written. */
  readonly flowFiles: boolean
  /** undefined: none (-x report or not wanted). */
  readonly reportPath: string | undefined
}

export interface SavePlan {
  /** `-` is standard output. */
  readonly path: string
  /** Start a new file at this size or age; 0 never. */
  readonly rotateBytes: number
  readonly rotateSeconds: number
  /** Keep at most so many rotated files; 0 all. */
  readonly keep: number
}

export type LatencyGrouping = 'server' | 'container' | 'command' | 'route' | 'key'

/** What the program was started as, and what its messages begin with. */
export type ProgramName = 'tcpflow' | 'tcpkit'

export interface LatencyPlan {
  readonly program: ProgramName
  /** `auto`, or the registry's name of one. */
  readonly protocol: string
  /** What is printed of each exchange; bare: exactly tcpkit's line. */
  readonly format: 'lines' | 'bare' | 'json' | 'none'
  /** Exchanges faster than this are not printed; unanswered ones are. */
  readonly threshold:
    | { readonly kind: 'micros'; readonly micros: number }
    | { readonly kind: 'percentile'; readonly percent: number }
    | undefined
  /** --top: print only so many, the slowest, at the end; 0: print as they come. */
  readonly top: number
  readonly by: readonly LatencyGrouping[]
  /** The table every so often of capture time; 0 never. */
  readonly everyMillis: number
  /** A request without response after so long is told as unanswered. */
  readonly timeoutMillis: number
  /** Where the table goes. */
  readonly table: 'stdout' | 'stderr' | 'none'
  readonly color: boolean
  readonly tableColor: boolean
  /** false: ASCII. */
  readonly unicode: boolean
  readonly stats: ListenPlan | undefined
  readonly metrics: ListenPlan | undefined
  /** tcpkit -p raw: a line for each packet instead of exchanges, and with -A what is in it. */
  readonly packets: 'none' | 'lines' | 'ascii'
  /** --compare: two captures of the same traffic, at the client and at the server. */
  readonly compare: readonly [client: string, server: string] | undefined
}

export interface KeepAroundPlan {
  /** -w: what the files' names are made from. */
  readonly path: string
  /** Findings at least so serious, or with one of these ids. */
  readonly severity: FindingSeverity | undefined
  readonly ids: readonly string[]
  readonly memoryBytes: number
  /** The newest so many files are kept. */
  readonly keep: number
}

export interface DiagnosePlan {
  /** lines: the ranked report. */
  readonly format: 'lines' | 'json'
  /** --id: only these; undefined: all. */
  readonly ids: readonly string[] | undefined
  /** --not-id */
  readonly notIds: readonly string[]
  readonly minimumSeverity: FindingSeverity
  /** Answers later than this are slow. */
  readonly slowMillis: number
  /** A request without response after so long hangs. */
  readonly hungAfterMillis: number
  /** The report every so often of capture time; 0 never. */
  readonly everyMillis: number
  /** --keep-around: only the packets around findings are saved. */
  readonly keepAround: KeepAroundPlan | undefined
  /** An exit code of its own when there was an error. */
  readonly exitCode: boolean
  readonly color: boolean
}

export interface ListenPlan {
  readonly host: string
  readonly port: number
  /** false: nobody asked for it, so it may be missing. */
  readonly required: boolean
}
