// Runs a command in a container, by Docker's API, and returns its standard output.

import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'
import { ContainerOutput } from './container-output.ts'

const EXECUTE_MILLIS = 5000
const MAXIMUM_OUTPUT_BYTES = 64 * 1024
const EXIT_LOOK_MILLIS = 20

/**
 * undefined when the command fails, takes too long or says too much. Rejects with EngineRefusal (no such program, not
 * running, gone) or with the connection's error.
 */
export async function execute(container: Docker.Container, command: readonly string[]): Promise<string | undefined> {
  const abortSignal = AbortSignal.timeout(EXECUTE_MILLIS)
  try {
    const create = { AttachStdout: true, AttachStderr: true, Cmd: [...command], abortSignal }
    const exec = await container.exec(create)
    const stream = await exec.start({ Detach: false, Tty: false, abortSignal } as Docker.ExecStartOptions)
    const output = new ContainerOutput(stream, 'a command in the container')
    const buffer = Buffer.allocUnsafe(MAXIMUM_OUTPUT_BYTES)
    let bytes = 0
    for (;;) {
      const more = await output.read(buffer, bytes, buffer.length)
      if (more === 0) break
      bytes += more
      if (bytes === buffer.length) {
        output.destroy()
        return undefined
      }
    }
    return (await exitCode(exec, abortSignal)) === 0 ? buffer.toString('utf8', 0, bytes) : undefined
  } catch (error) {
    if (abortSignal.aborted) return undefined
    throw error
  }
}

/** The engine may say for a moment that a command runs, although its output has ended. */
async function exitCode(exec: Docker.Exec, abortSignal: AbortSignal): Promise<number | null> {
  for (;;) {
    const { Running, ExitCode } = await exec.inspect({ abortSignal })
    if (Running !== true) return ExitCode
    await sleep(EXIT_LOOK_MILLIS, undefined, { signal: abortSignal })
  }
}
