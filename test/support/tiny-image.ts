// An image of a few hundred kilobytes without a registry: busybox, linked statically, and links to it.

import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const BUSYBOX = '/bin/busybox'
const COMMANDS = ['sh', 'cat', 'echo', 'grep', 'head', 'id', 'sleep']

/** Why it cannot be made; undefined when it can. */
export function whyNoTinyImage(): string | undefined {
  return existsSync(BUSYBOX) ? undefined : `there is no ${BUSYBOX} (busybox-static)`
}

/** `engine` is the command of an engine, `docker` or `podman` with its options. Whoever made it removes it. */
export function importTinyImage(engine: readonly string[], name: string): void {
  const root = mkdtempSync(join(tmpdir(), 'tcpflow-image-'))
  try {
    chmodSync(root, 0o755)
    mkdirSync(join(root, 'bin'))
    copyFileSync(BUSYBOX, join(root, 'bin/busybox'))
    for (const command of COMMANDS) symlinkSync('busybox', join(root, 'bin', command))
    const script = 'root=$1; shift; tar -C "$root" -c . | "$@"'
    const args = ['-c', script, 'sh', root, ...engine, 'import', '-q', '-', name]
    const { status, stderr } = spawnSync(
      'sh',
      engine.includes('podman') ? args : args.filter((each) => each !== '-q'),
      {
        encoding: 'utf8',
      },
    )
    if (status !== 0) throw new Error(`the image cannot be made: ${stderr}`)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}
