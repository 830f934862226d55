// The rooms of src/ and what each may import. docs/architecture.md tells the same to people, and a test compares the two.

/** A room is a folder of src/, or a single file directly in src/. Imports of types count as well. */
export const ROOMS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  savefile: ['core'],
  decode: ['core'],
  flow: ['core'],
  protocol: ['core'],
  container: ['core'],
  latency: ['core'],
  metrics: ['core'],
  script: ['core'],
  diagnosis: ['core'],
  export: ['core'],
  page: ['core'],
  'plan.ts': ['core'],
  'terminal.ts': ['core'],
  transform: ['protocol', 'core'],
  capture: ['savefile', 'core'],
  web: ['page', 'core'],
  output: ['savefile', 'plan.ts', 'core'],
  river: ['savefile', 'decode', 'flow', 'protocol', 'transform', 'core'],
  check: ['capture', 'container', 'protocol', 'diagnosis', 'river', 'core'],
  views: [
    'output',
    'latency',
    'diagnosis',
    'script',
    'metrics',
    'protocol',
    'transform',
    'page',
    'web',
    'export',
    'river',
    'plan.ts',
    'core',
  ],
  pipeline: [
    'views',
    'check',
    'river',
    'capture',
    'container',
    'savefile',
    'flow',
    'protocol',
    'latency',
    'metrics',
    'diagnosis',
    'output',
    'plan.ts',
    'core',
  ],
  // Of capture/ only the names of interfaces, and of protocol/ those of the protocols: registries, like the flags'.
  cli: ['pipeline', 'plan.ts', 'capture/interfaces.ts', 'protocol/names.ts', 'core'],
  'main.ts': ['cli', 'plan.ts', 'core'],
  'program.ts': ['main.ts', 'terminal.ts', 'core'],
  'load-program.ts': ['program.ts'],
  'record-compiled-code.ts': ['load-program.ts', 'savefile', 'core'],
  'start.ts': ['load-program.ts', 'cli', 'terminal.ts', 'core'],
}

/** Packages that one place alone may import: a folder or a file below src/. */
export const PACKAGES: Readonly<Record<string, string>> = {
  pcap: 'capture/child.ts',
  dockerode: 'container/',
  fengari: 'script/',
}

/** What does not follow the table yet. Nothing may be added here. */
export const NOT_YET: readonly string[] = [
  'protocol/http/http-framing.ts -> protocol/http/http-direction.ts -> protocol/http/http-framing.ts',
  'transform/content-coding.ts -> transform/gzip-decoder.ts -> transform/content-coding.ts',
  'transform/content-coding.ts -> transform/gzip-decoder.ts -> transform/zlib-stream.ts -> transform/content-coding.ts',
  'transform/content-coding.ts -> transform/zstd-decoder.ts -> transform/content-coding.ts',
]
