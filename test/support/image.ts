// The image built from this checkout, once for a whole run of tests (test/run.mjs names it and removes it), or for one file.

import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { docker } from './docker.ts'

const ROOT = join(import.meta.dirname, '../..')
const BUILD_MILLIS = 15 * 60_000

/** The image's name: for the whole run of tests, or for this process alone. */
export const IMAGE = process.env.TCPFLOW_TEST_IMAGE ?? `tcpflow-test-${process.pid}`
/** The ids of the build's earlier stages, but for those that were there before: they are some gigabyte. */
const STAGES = join(tmpdir(), `${IMAGE}.stages`)

/** Builds the image unless another test has done so, and waits if one is just doing it. Takes a minute or two. */
export function buildImage(): void {
  const lock = join(tmpdir(), `${IMAGE}.lock`)
  const began = Date.now()
  for (;;) {
    try {
      mkdirSync(lock)
      break
    } catch {
      if (Date.now() - began > BUILD_MILLIS) throw new Error(`${lock} is held by somebody: remove it`)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500)
    }
  }
  try {
    if (spawnSync('docker', ['image', 'inspect', IMAGE]).status === 0) return
    const there = untaggedImages()
    const built = spawnSync('docker', ['build', '-t', IMAGE, '.'], {
      cwd: ROOT,
      env: { ...process.env, DOCKER_BUILDKIT: '0' },
      encoding: 'utf8',
      timeout: BUILD_MILLIS,
      maxBuffer: 64 << 20,
    })
    if (built.status !== 0) throw new Error(`docker build: ${built.stdout.slice(-2000)}${built.stderr.slice(-2000)}`)
    const stages = untaggedImages().filter((id) => !there.includes(id) && built.stdout.includes(` ---> ${id}`))
    writeFileSync(STAGES, stages.join('\n'))
  } finally {
    rmdirSync(lock)
  }
}

/** Removes the image and its stages. Does nothing where the whole run owns them: test/run.mjs removes them then. */
export function removeImage(): void {
  if (process.env.TCPFLOW_TEST_IMAGE !== undefined) return
  const stages = readFileSync(STAGES, 'utf8')
    .split('\n')
    .filter((id) => id !== '')
  spawnSync('docker', ['rmi', '-f', IMAGE, ...stages])
  rmSync(STAGES)
}

function untaggedImages(): string[] {
  return docker('images', '-q', '-f', 'dangling=true').split('\n')
}
