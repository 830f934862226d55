// The capture child and the broker, bundled afresh from the sources for the tests of one process.

import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import type { CaptureProgram } from '../../src/capture/capture-process.ts'

const ROOT = join(import.meta.dirname, '../..')

export interface CapturePrograms {
  readonly childPath: string
  readonly brokerPath: string
  program(wrapper?: readonly string[]): CaptureProgram
}

/** Removed when the process ends. They lie below node_modules, where the `pcap` package is found from. */
export async function buildCapturePrograms(): Promise<CapturePrograms> {
  const cache = join(ROOT, 'node_modules/.cache')
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'tcpflow-test-'))
  chmodSync(folder, 0o755) // children of other users read them too
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  await build({
    entryPoints: {
      'capture-child': join(ROOT, 'src/capture/child.ts'),
      'capture-broker': join(ROOT, 'src/capture/broker.ts'),
    },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: ['pcap'],
    logLevel: 'warning',
  })
  const childPath = join(folder, 'capture-child.mjs')
  return {
    childPath,
    brokerPath: join(folder, 'capture-broker.mjs'),
    program: (wrapper = []) => ({ execPath: process.execPath, childPath, wrapper }),
  }
}
