// argv → plan, for every form in which tcpflow's users type things.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { wantsColor } from '../../src/cli/color.ts'
import { parseArguments } from '../../src/cli/parse-arguments.ts'
import { type Planned, planFromFlags, type Surroundings } from '../../src/cli/plan-from-flags.ts'
import { UsageError } from '../../src/core/errors.ts'
import type { Plan } from '../../src/plan.ts'

const PIPED: Surroundings = { env: {}, cwd: '/work', stdoutIsTerminal: false, stderrIsTerminal: false }

/** Arguments as a shell would split them: at spaces, 'single quotes' kept together. */
function shellWords(line: string): string[] {
  return (line.match(/(?:'[^']*'|[^\s'])+/g) ?? []).map((word) => word.replaceAll("'", ''))
}

function planned(line: string, surroundings = PIPED): Planned {
  const { settings, words } = parseArguments(shellWords(line))
  return planFromFlags(settings, words, surroundings)
}

const planOf = (line: string, surroundings = PIPED): Plan => planned(line, surroundings).plan

/** Asserts that the plan of `line` holds everything that `part` does. */
function assertPlan(line: string, part: object): void {
  assert.deepEqual(pick(planOf(line), part), part, `tcpflow ${line}`)
}

function pick(whole: unknown, shape: unknown): unknown {
  if (Array.isArray(shape) || typeof shape !== 'object' || shape === null) return whole
  if (typeof whole !== 'object' || whole === null) return whole
  return Object.fromEntries(Object.entries(shape).map(([key, part]) => [key, pick(Reflect.get(whole, key), part)]))
}

const live = (...interfaces: string[]) => ({ kind: 'live', interfaces })
const files = (paths: string[], finishPaths: string[] = []) => ({ kind: 'files', paths, finishPaths })

describe('flags to plan', () => {
  const table: readonly (readonly [line: string, part: object])[] = [
    // what to read, and the filter around it
    ['-c', { input: live(), filter: '', console: { format: 'text', names: true }, files: undefined, json: undefined }],
    ["-c -J -i docker0 'port 80'", { input: live('docker0'), filter: 'port 80', console: { color: true } }],
    ['-ci docker0 port 80', { input: live('docker0'), filter: 'port 80', console: { names: true } }],
    ['-cidocker0 port 80', { input: live('docker0'), filter: 'port 80' }],
    ['-i eth0 -i eth1 -i eth0 -c', { input: live('eth0', 'eth1') }],
    ['tcp port 80 -c', { filter: 'tcp port 80', console: { names: true } }],
    ['src host 10.0.0.1 and -c port 80', { filter: 'src host 10.0.0.1 and port 80' }],
    ['-c not port 22', { filter: 'not port 22' }],
    ["-c -- 'tcp[13] & 2 != 0'", { filter: 'tcp[13] & 2 != 0' }],
    ['-c -- -4 host', { filter: '-4 host' }],
    ['-c -- port 80 -- -J', { filter: 'port 80 -- -J', console: { color: false } }],
    ['-c host fe80::1', { filter: 'host fe80::1' }],
    ["-c 'len > -1'", { filter: 'len > -1' }],
    ["-c ''", { filter: '' }],
    ['-c --no-promiscuous', { input: { promiscuous: false } }],
    ['-p -c', { input: { promiscuous: false } }],
    ['-c', { input: { snapshotBytes: 262144, kernelBufferBytes: 32 * 2 ** 20, bufferTimeoutMillis: 10 } }],
    ['-c --snaplen 128', { input: { snapshotBytes: 128 } }],
    ['-c --snaplen=0', { input: { snapshotBytes: 262144 } }],
    ['-c --buffer-size 64M', { input: { kernelBufferBytes: 64 * 2 ** 20 } }],
    ['-c --buffer-size 9G', { input: { kernelBufferBytes: 2 ** 31 - 1 } }],
    ['-c --buffer-timeout 250ms', { input: { bufferTimeoutMillis: 250 } }],
    ['-c --buffer-timeout 250', { input: { bufferTimeoutMillis: 250 } }],
    ['-c -S packet-buffer-timeout=5', { input: { bufferTimeoutMillis: 5 } }],
    ['-c -r a.pcap -r b.pcap', { input: files(['a.pcap', 'b.pcap']) }],
    ['-c -r -', { input: files(['-']) }],
    ['-cr-', { input: files(['-']) }],
    ['-c -ra.pcap', { input: files(['a.pcap']) }],
    ['-c --read=a=b.pcap', { input: files(['a=b.pcap']) }],
    ["-c -r 'with blank.pcap' port 80", { input: files(['with blank.pcap']), filter: 'port 80' }],
    ['-c -r --odd', { input: files(['--odd']) }],
    ['-c -r b.pcap -R a.pcap', { input: files(['b.pcap'], ['a.pcap']) }],
    ['-c -R a.pcap', { input: files([], ['a.pcap']) }],
    ['-c -l a.pcap b.pcap -J', { input: files(['a.pcap', 'b.pcap']), filter: '', console: { color: true } }],
    ['-c a.pcap -l b.pcap -r c.pcap', { input: files(['c.pcap', 'a.pcap', 'b.pcap']) }],
    ['-c -l -', { input: files(['-']) }],
    ['-c --no-tunnels', { decode: { unwrapTunnels: false } }],
    ['-c', { decode: { unwrapTunnels: true }, udp: false, dropToUser: undefined }],
    ['-c --udp -U nobody', { udp: true, dropToUser: 'nobody' }],
    ['-c --relinquish-privileges=nobody', { dropToUser: 'nobody' }],
    // console
    ['-C', { console: { names: false }, files: undefined }],
    ['-c -C', { console: { names: false } }],
    ['-C -c', { console: { names: false } }],
    ['-cJ', { console: { color: true } }],
    ['-c -g', { console: { color: true } }],
    ['-c --color', { console: { color: true } }],
    ['-c --color=always', { console: { color: true } }],
    ['-c --color always port 80', { console: { color: true }, filter: 'port 80' }],
    ['-c --color port 80', { console: { color: true }, filter: 'port 80' }],
    ['-cJ --color=never', { console: { color: false } }],
    ['--color never -cJ', { console: { color: false } }],
    ['-c', { console: { color: false, timestamps: false, decodeBodies: false, newline: true, asciiOnly: false } }],
    ['-c0', { console: { newline: false } }],
    ['-0 -c', { console: { newline: false } }],
    ['-B0C', { console: { format: 'binary', newline: false, names: false } }],
    ['-cD', { console: { format: 'hex' } }],
    ['-cBD', { console: { format: 'hex' } }],
    ['-cs', { console: { asciiOnly: true } }],
    ['-c --ascii --time --decode', { console: { asciiOnly: true, timestamps: true, decodeBodies: true } }],
    ['-c -b100', { console: { maximumBytes: 100 } }],
    ['-c -b 10k', { console: { maximumBytes: 10240 } }],
    ['-c -b=5', { console: { maximumBytes: 5 } }],
    ['-c -b0', { console: { maximumBytes: 0 } }],
    ['-c', { console: { maximumBytes: Number.POSITIVE_INFINITY, gaps: 'mark' } }],
    ['-c --gaps=skip', { console: { gaps: 'skip' } }],
    ['-cB', { console: { gaps: 'hole' } }],
    ['-cB --gaps=mark', { console: { gaps: 'mark' } }],
    ['-c --gaps hole', { console: { gaps: 'mark' } }],
    ['-c --summary', { connectionSummary: true }],
    // files
    [
      '-r a.pcap',
      {
        console: undefined,
        json: undefined,
        save: undefined,
        files: {
          outputFolder: '.',
          nameTemplate: '%A.%a-%B.%b%V%v%C%c',
          maximumBytes: Number.POSITIVE_INFINITY,
          maximumOpenFiles: 1000,
          maximumJumpBytes: 16777216,
          gaps: 'hole',
          index: false,
          packetsPerFlow: false,
          strip: false,
          merge: false,
          md5: false,
          httpBodies: false,
          decompressBodies: true,
          flowFiles: true,
          reportPath: 'report.xml',
        },
      },
    ],
    ['-o out -r a.pcap', { files: { outputFolder: 'out', reportPath: 'out/report.xml' } }],
    ['-oout -ra.pcap', { files: { outputFolder: 'out' } }],
    ['-o out -X dir/r.xml', { files: { reportPath: 'dir/r.xml' } }],
    ['-o out -S enable_report=NO', { files: { reportPath: undefined, flowFiles: true } }],
    ['-c -X r.xml', { console: { names: true }, files: { reportPath: 'r.xml', flowFiles: false } }],
    ['-c -o out', { files: undefined }],
    ['-FX', { files: { flowFiles: false, reportPath: 'report.xml' } }],
    ['-FM', { files: { md5: true, httpBodies: false } }],
    ['-FXM', { files: { flowFiles: false, md5: true } }],
    ['-Fk', { files: { nameTemplate: '%K/%A.%a-%B.%b%V%v%C%c' } }],
    ['-Fck', { files: { nameTemplate: '%K/%A.%a-%B.%b%V%vc%#' } }],
    ['-Fc -Fm', { files: { nameTemplate: '%M000-%M999/%M%K/%A.%a-%B.%b%V%vc%#' } }],
    ['-F T -F t', { files: { nameTemplate: '%tT%T%A.%a-%B.%b%V%v%C%c' } }],
    ['-Fg', { files: { nameTemplate: '%G000000-%G999999/%G%M000-%G%M999/%G%M%K/%A.%a-%B.%b%V%v%C%c' } }],
    ['-T %A/%b', { files: { nameTemplate: '%A/%b%C%c' } }],
    ['-T%A/%c', { files: { nameTemplate: '%A/%c' } }],
    ['-T %A%%c', { files: { nameTemplate: '%A%%c%C%c' } }],
    ['-T %# -Fc', { files: { nameTemplate: '%#' } }],
    ['-T %%c%c -Fc', { files: { nameTemplate: '%%c%#' } }],
    ['-T x -Fct', { files: { nameTemplate: '%tTxc%#' } }],
    [`-T '"%A"'`, { files: { nameTemplate: '"%A"%C%c' } }],
    [`-X """a"`, { files: { reportPath: '"""a"' } }],
    ['-T a -T b', { files: { nameTemplate: 'b%C%c' } }],
    ['-b 1M -m 64k -f 50', { files: { maximumBytes: 2 ** 20, maximumJumpBytes: 65536, maximumOpenFiles: 50 } }],
    ['-m 64k -c', { flow: { maximumJumpBytes: 65536 } }],
    ['-IKs --merge', { files: { index: true, packetsPerFlow: true, strip: true, merge: true } }],
    ['--gaps=mark', { files: { gaps: 'mark' } }],
    ['-a', { files: { httpBodies: true, md5: true } }],
    ['-aZ', { files: { httpBodies: true, decompressBodies: false } }],
    ['-e http', { files: { httpBodies: true, md5: false } }],
    ['-ehttp -emd5', { files: { httpBodies: true, md5: true } }],
    ['-e all -x md5', { files: { httpBodies: true, md5: false } }],
    ['-a -E md5', { files: { httpBodies: false, md5: true } }],
    ['-a -x netviz', { files: { httpBodies: true } }],
    ['-e tcpdemux', { files: { httpBodies: false, md5: false } }],
    // JSON and packets
    [
      '--json',
      { json: { payload: 'text', maximumBytes: Number.POSITIVE_INFINITY }, console: undefined, files: undefined },
    ],
    ['--json=base64 -b 10', { json: { payload: 'base64', maximumBytes: 10 } }],
    ['--json none port 80', { json: { payload: 'none' }, filter: 'port 80' }],
    ['--json port 80', { json: { payload: 'text' }, filter: 'port 80' }],
    ['-w a.pcapng', { save: { path: 'a.pcapng', rotateBytes: 0, rotateSeconds: 0, keep: 0 }, files: undefined }],
    ['-w -', { save: { path: '-' }, files: undefined, console: undefined }],
    ['-c -w a.pcapng', { save: { path: 'a.pcapng' }, console: { names: true }, files: undefined }],
    ['-w a.pcapng -o out', { save: { path: 'a.pcapng' }, files: { outputFolder: 'out', flowFiles: true } }],
    [
      '-c -w a --rotate-size 100M --rotate-age 1h --keep 5',
      { save: { rotateBytes: 100 * 2 ** 20, rotateSeconds: 3600, keep: 5 } },
    ],
    ['-c -w a --rotate-age 90', { save: { rotateSeconds: 90 } }],
    // messages
    ['-c', { quiet: false, notes: true, verbosity: 0, progress: false, connectionSummary: false }],
    ['-cq --no-notes', { quiet: true, notes: false }],
    ['-cv', { verbosity: 10 }],
    ['-c -d 5', { verbosity: 5, quiet: false }],
    ['-c -d1', { verbosity: 0, quiet: false, notes: true }],
    ['-c -d 0', { verbosity: 0, quiet: true, notes: false }],
    ['-cP', { console: { names: true } }],
    ['-c -S tcp_timeout=0 -S tdelta=0', { console: { names: true } }],
  ]
  for (const [line, part] of table) test(line, () => assertPlan(line, part))
})

describe('what is refused, with exit code 2', () => {
  const table: readonly (readonly [line: string, message: RegExp, hint?: RegExp])[] = [
    ['--consle', /unknown flag --consle/, /--console\?/],
    ['--colour', /unknown flag --colour/, /--color\?/],
    ['--rotate', /unknown flag --rotate/, /--rotate-/],
    ['--verb', /unknown flag --verb/, /--verbose\?/],
    ['-Q', /unknown flag -Q/, /-q\?/],
    ['-cQ', /unknown flag -Q in -cQ/, /-q\?/],
    ['-é', /unknown flag -é/],
    ['-json', /two dashes/, /--json\?/],
    ['-c -1', /unknown flag -1/, /after --/],
    ['--udp=yes', /--udp takes no value/],
    ['-r', /-r needs a value: -r FILE/],
    ['-c --snaplen', /--snaplen needs a value: --snaplen BYTES/],
    ['-c -i', /-i needs a value/],
    ['-c -b x', /-b: "x" is not a size/, /k, M or G/],
    ['-c -b -1', /-b: "-1" is not a size/],
    ['-c -m 0', /-m: "0" is too small/],
    ['-f 0', /-f: "0" is too small/],
    ['-f 1e3', /-f: "1e3" is not a whole number/],
    ['-c -d x', /-d: "x" is not a whole number/],
    ['-b 99999999999999999', /too large/],
    ['-c --buffer-timeout soon', /not a time/],
    ['-c --color=blue', /not one of auto, always, never/],
    ['--json=xml', /not one of text, base64, none/],
    ['--gaps zero', /not one of hole, mark, skip/],
    ['-Fq', /"q" is not one of the letters/],
    ['-T', /-T needs a value/],
    ['--template=', /template is empty/],
    ['-T flows/', /'flows\/' names no file/],
    ['-T %A/ -Fk', /'%A\/' names no file/],
    ['--output=', /name of a folder/],
    ['-e netviz', /netviz is not supported/],
    ['-e telepathy', /no scanner "telepathy"/, /http, md5 and all/],
    ['-x tcpdemux', /writes the flows/, /-FX/],
    ['-S nothing', /NAME=VALUE/],
    ['-S color=red', /no setting "color"/, /enable_report/],
    ['-S __proto__=1', /no setting/],
    ['-S enable_report=maybe', /neither YES nor NO/],
    ['-S tcp_timeout=30', /not supported: a connection does not end because it is silent/],
    ['-S http_cmd=less', /not supported: this tcpflow runs no commands/],
    ['-L lock', /-L is not supported/],
    ['-H', /-H is not supported/],
    ['-z /var/empty', /-z is not supported/, /-U/],
    ['--chroot=/x', /-z is not supported/],
    ['--container web -i eth0 --via bridge', /inside the container, and --via bridge/, /--via netns/],
    ['--network front -i lo --via veth', /inside the container, and --via veth/],
    ['--container web -i eth0 -i lo', /one interface inside the container/],
    ['-i eth0 -r a.pcap', /captures live, but/],
    ['-i eth0 -l a.pcap', /captures live, but/],
    ['-l', /no files are named/],
    ['-r - -r -', /only once/],
    ['-c -r a.pcap b.pcap', /"b.pcap" cannot be part of a filter/, /-r b.pcap/],
    ['-c port 80 trace.pcapng.gz', /cannot be part of a filter/],
    ['--json -c', /both print to standard output/],
    ['-w - -c', /both print to standard output/],
    ['-w - --json', /both print to standard output/],
    ['-w /dev/stdout -c', /both print to standard output/],
    ['-w /proc/self/fd/1 --rotate-size 1M', /cannot be rotated/],
    ['-w - --rotate-size 1M', /cannot be rotated/],
    ['-c --rotate-size 1M', /need -w/],
    ['-c -w a --keep 3', /--keep needs/],
    ['latncy', /^no such command: latncy$/, /^did you mean latency\?$/],
    ['latncy --table', /^no such command: latncy$/, /latency\?/],
    ['continers -q', /^no such command: continers$/, /^did you mean containers\?$/],
    ['container', /^no such command: container$/, /containers\?/],
    ['-r a.pcap latenzy', /^no such command: latenzy$/, /latency\?/],
    ['-r a.pcap latency', /must be the first word/, /tcpflow latency/],
    ['-r a.pcap latency --table', /^unknown flag --table$/, /latency .* must be the first word/],
    ['-r a.pcap latency -t 10 --top 5', /^unknown flag -t$/, /latency .* must be the first word/],
  ]
  for (const [line, message, hint] of table) {
    test(line, () => {
      assert.throws(
        () => planOf(line),
        (error: unknown) => {
          assert.ok(error instanceof UsageError, String(error))
          assert.equal(error.exitCode, 2)
          assert.match(error.message, message)
          if (hint !== undefined) assert.match(error.hint ?? '', hint)
          assert.ok(!error.message.includes('\n'))
          return true
        },
      )
    })
  }
})

test('what is no command is a filter, or a file', () => {
  for (const line of ['-c host latencx', '-c net 10', '-c portrange 1-9', '-c contain', '-c p', '-r x -l latncy']) {
    assert.doesNotThrow(() => planOf(line), line)
  }
})

test('nothing is suggested for a flag that is like no other', () => {
  assert.throws(
    () => planOf('--frobnicate'),
    (error: unknown) => error instanceof UsageError && error.hint === undefined,
  )
})

describe('flags that have no effect are told', () => {
  const table: readonly (readonly [line: string, remark: RegExp | undefined])[] = [
    ['-c -o out', /^-o has no effect: -c prints and writes no files/],
    ['-C -Fk -a', /^-F, -a and -e have no effect: -C prints/],
    ['--json -I', /^-I has no effect: --json prints/],
    ['-cBD', /^-B has no effect/],
    ['-J -r a.pcap', /^-J has no effect: .* add -c/],
    ['-D -0 -o out', /^-D, -0 have no effect/],
    ['-c -X r.xml', undefined],
    ['-cJ', undefined],
    ['-o out -Fk', undefined],
    ['-w a -o out', undefined],
  ]
  for (const [line, remark] of table) {
    test(line, () => {
      const { remarks } = planned(line)
      if (remark === undefined) return assert.deepEqual(remarks, [])
      assert.equal(remarks.length, 1)
      assert.match(remarks[0]!, remark)
    })
  }
})

test('progress is for files, a terminal, and nothing that is printed onto it', () => {
  const terminal = { ...PIPED, stdoutIsTerminal: true, stderrIsTerminal: true }
  const onlyStderr = { ...PIPED, stderrIsTerminal: true }
  assert.equal(planOf('-r a.pcap', terminal).progress, true)
  assert.equal(planOf('-c -r a.pcap', terminal).progress, false)
  assert.equal(planOf('-c -r a.pcap', onlyStderr).progress, true)
  assert.equal(planOf('-c -r a.pcap', PIPED).progress, false)
  assert.equal(planOf('-q -r a.pcap', terminal).progress, false)
  assert.equal(planOf('-c -i lo', onlyStderr).progress, false)
})

test('packets are not written to a terminal', () => {
  assert.throws(() => planOf('-w -', { ...PIPED, stdoutIsTerminal: true }), UsageError)
})

describe('colour', () => {
  const table: readonly (readonly ['auto' | 'always' | 'never', Record<string, string>, boolean, boolean])[] = [
    ['auto', {}, true, true],
    ['auto', {}, false, false],
    ['auto', { NO_COLOR: '1' }, true, false],
    ['auto', { NO_COLOR: '' }, true, true],
    ['auto', { FORCE_COLOR: '1' }, false, true],
    ['auto', { FORCE_COLOR: '0' }, true, false],
    ['auto', { NO_COLOR: '1', FORCE_COLOR: '1' }, true, false],
    ['auto', { TERM: 'dumb' }, true, false],
    ['always', { NO_COLOR: '1' }, false, true],
    ['never', { FORCE_COLOR: '1' }, true, false],
  ]
  for (const [when, env, isTerminal, expected] of table) {
    test(`${when} ${JSON.stringify(env)} terminal ${isTerminal}`, () => {
      assert.equal(wantsColor(when, env, isTerminal), expected)
    })
  }
})
