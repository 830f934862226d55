// Compiles a filter with libpcap, by running tcpdump: no other way reaches its compiler for every link type.

import { spawnSync } from 'node:child_process'
import { OperatorError } from '../core/errors.ts'
import { PcapWriter } from '../savefile/pcap-writer.ts'
import { type BpfInstruction, parseBpf } from './bpf-program.ts'

const TCPDUMP = 'tcpdump'
/** Where some distributions put tcpdump, outside an ordinary user's PATH. */
const MORE_PLACES = ['/usr/sbin/tcpdump', '/sbin/tcpdump', '/usr/local/sbin/tcpdump']
/** A look-up of a name may take a while, and libpcap's optimiser takes for ever over thousands of hosts. */
const TIMEOUT_MILLIS = 60_000

/** Throws OperatorError, with libpcap's message, when the expression is wrong or not for this LINKTYPE_. */
export function compileExpression(expression: string, linkType: number): BpfInstruction[] {
  // An empty capture tells tcpdump the link type by its number, also where it has no name for it.
  let header = Buffer.alloc(0)
  new PcapWriter(
    (buf, start, end) => {
      header = Buffer.from(buf.subarray(start, end))
    },
    { nanoseconds: false },
  ).writeHeader(linkType)

  const result = runTcpdump(['-ddd', '-r', '-', '--', expression], header)
  if (result.status === 0) return parseBpf(result.stdout)
  if ((result.error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT') {
    throw new OperatorError(
      `compiling the filter '${expression}' took longer than ${TIMEOUT_MILLIS / 1000} s`,
      'shorten it: networks (net 10.0.0.0/8) instead of hosts, addresses instead of names',
    )
  }
  if (result.error !== undefined) throw new OperatorError(`cannot run tcpdump: ${result.error.message}`)
  throw filterError(expression, linkType, result.stderr)
}

/** False: tcpdump is not installed, and nothing can be compiled. */
export function hasCompiler(): boolean {
  return [TCPDUMP, ...MORE_PLACES].some(
    (program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0,
  )
}

function runTcpdump(argv: string[], input: Buffer) {
  for (const program of [TCPDUMP, ...MORE_PLACES]) {
    const result = spawnSync(program, argv, { input, encoding: 'utf8', timeout: TIMEOUT_MILLIS, maxBuffer: 1 << 24 })
    if ((result.error as NodeJS.ErrnoException | undefined)?.code !== 'ENOENT') return result
  }
  throw new OperatorError(
    'filtering a file needs tcpdump, which is not installed',
    'apt-get install tcpdump, or leave out the filter',
  )
}

/** tcpdump's standard error also has lines about the file and warnings; errors begin with its name. */
function filterError(expression: string, linkType: number, stderr: string): OperatorError {
  const said = stderr
    .split('\n')
    .filter((line) => line.startsWith('tcpdump: '))
    .map((line) => line.slice('tcpdump: '.length).replace(/^can't parse filter expression: /, ''))
    .join('; ')
  const reason = said === '' ? stderr.trim().split('\n').at(-1) || 'tcpdump does not say why' : said
  if (/not implemented|filtering not supported/.test(reason)) {
    return new OperatorError(
      `packets of link type ${linkType} cannot be filtered: ${reason}`,
      `leave out the filter '${expression}'`,
    )
  }
  return new OperatorError(`bad filter '${expression}': ${reason}`, "man pcap-filter explains filters: 'tcp port 80'")
}
