// Types, lint, build, then every test with node's own runner, whose count closes the run.
// Use: node test/run.mjs [--no-e2e] [--no-skips] [--only-tests] [path fragment …]
//   --no-skips  a skipped test fails the run (what CI asks for)

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const args = process.argv.slice(2)
const flags = new Set(args.filter((a) => a.startsWith('--')))
const fragments = args.filter((a) => !a.startsWith('--'))

/** Every *.test.ts below a folder, end-to-end tests last. */
function testFiles(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(folder, name))
    .sort((a, b) => Number(a.includes('e2e')) - Number(b.includes('e2e')) || a.localeCompare(b))
}

function step(title, command, commandArgs) {
  process.stdout.write(`== ${title}\n`)
  const result = spawnSync(command, commandArgs, { stdio: 'inherit' })
  if (result.status !== 0) {
    process.stdout.write(`${title} failed\n`)
    process.exit(result.status ?? 1)
  }
}

if (!flags.has('--only-tests')) {
  step('types', 'node_modules/.bin/tsc', ['--noEmit'])
  step('lint', 'node_modules/.bin/biome', ['check', '.'])
  step('build', process.execPath, ['esbuild.config.mjs'])
}

const files = testFiles('test')
  .filter((f) => !(flags.has('--no-e2e') && f.includes('e2e')))
  .filter((f) => fragments.length === 0 || fragments.some((part) => f.includes(part)))
process.stdout.write(`== tests (${files.length} files)\n`)
// The tests that need the image share one; its build takes longer than all of them.
const image = `tcpflow-test-run-${process.pid}`
function removeImage() {
  const list = join(tmpdir(), `${image}.stages`)
  if (!existsSync(list)) return
  const stages = readFileSync(list, 'utf8')
    .split('\n')
    .filter((id) => id !== '')
  spawnSync('docker', ['rmi', '-f', image, ...stages], { stdio: 'ignore' })
  rmSync(list)
}
process.on('exit', removeImage)

const runner = spawn(
  process.execPath,
  ['--import', 'tsx', '--test', '--test-concurrency=2', '--test-reporter=spec', ...files],
  { stdio: ['inherit', 'pipe', 'inherit'], env: { ...process.env, TCPFLOW_TEST_IMAGE: image } },
)
let tail = ''
runner.stdout.on('data', (chunk) => {
  process.stdout.write(chunk)
  tail = (tail + chunk.toString('utf8')).slice(-200_000)
})
runner.on('close', (code) => {
  const skipped = Number(/^ℹ skipped (\d+)$/m.exec(tail)?.[1] ?? 0)
  const ran = Number(/^ℹ tests (\d+)$/m.exec(tail)?.[1] ?? 0)
  if (ran === 0) process.exit(1)
  if (flags.has('--no-skips') && skipped > 0) {
    process.stderr.write(`${skipped} tests were skipped, and none may be here\n`)
    process.exit(1)
  }
  process.exit(code ?? 1)
})
