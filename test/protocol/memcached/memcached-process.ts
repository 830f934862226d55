// A real memcached on loopback for tests. Whoever starts it ends it by stopServer.

import type { ChildProcess } from 'node:child_process'
import type { TestContext } from 'node:test'
import { freePort, startServer } from '../recording-proxy.ts'

/** undefined: it is not installed, and the test has been skipped aloud. */
export async function startMemcached(
  t: TestContext,
  threads: number,
): Promise<{ server: ChildProcess; port: number } | undefined> {
  const port = await freePort()
  const args = ['-l', '127.0.0.1', '-p', `${port}`, '-U', '0', '-t', `${threads}`, '-m', '64']
  if (process.getuid?.() === 0) args.push('-u', 'root')
  const server = await startServer('memcached', args, port)
  if (server !== undefined) return { server, port }
  console.error('memcached is not installed: not compared with it')
  t.skip('memcached is not installed')
  return undefined
}
