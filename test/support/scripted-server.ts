// A server in Python inside a namespace of the test, for behaviour that no real server shows on demand.

import type { Host } from './netns.ts'

/** Runs `script` there with a port and a word for its behaviour; resolves when it has printed something: that it listens. */
export async function serveScript(host: Host, script: string, port: number, how: string): Promise<void> {
  const child = host.spawn('python3', ['-c', script, `${port}`, how], { stdio: ['ignore', 'pipe', 'ignore'] })
  await new Promise<void>((resolve) => child.stdout!.once('data', () => resolve()))
}
