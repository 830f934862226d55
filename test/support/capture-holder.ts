// A program that captures until it is told to stop: for tests in which the parent of a capture is killed, or is not root.
// Argument: HolderOptions as JSON. Prints one line of JSON once it listens and one at the end.

import { Broker, startBroker } from '../../src/capture/broker-launcher.ts'
import { hasCapability, heldRights } from '../../src/capture/capabilities.ts'
import type { CaptureProgram } from '../../src/capture/capture-process.ts'
import type { CaptureRequest } from '../../src/capture/capture-request.ts'
import { directLauncher } from '../../src/capture/launcher.ts'
import { openLiveSource } from '../../src/capture/live-source.ts'
import { dropPrivileges, findUser } from '../../src/capture/privileges.ts'
import { readCapture } from './read-capture.ts'

export interface HolderOptions {
  readonly program: CaptureProgram
  readonly request: CaptureRequest
  /** Path of the broker to capture with; without one, this program captures directly. */
  readonly brokerPath?: string
  /** Become this user once the broker runs. */
  readonly user?: string
}

/** Its first line. */
export interface HolderListening {
  readonly userId: number
  readonly groups: readonly number[]
  readonly mayCapture: boolean | undefined
}

/** Its last line. */
export interface HolderEnd {
  readonly packets: number
  readonly endReason: string | undefined
}

async function main(): Promise<void> {
  const { program, request, brokerPath, user } = JSON.parse(process.argv[2] ?? '') as HolderOptions
  const launcher =
    brokerPath === undefined
      ? directLauncher(program)
      : new Broker(await startBroker(program, brokerPath, ['open-interface']))
  if (user !== undefined) dropPrivileges(findUser(user))
  const source = await openLiveSource(request, launcher)
  process.on('SIGTERM', () => source.stop())
  const listening: HolderListening = {
    userId: process.geteuid?.() ?? -1,
    groups: process.getgroups?.() ?? [],
    mayCapture: mayCapture(),
  }
  console.log(JSON.stringify(listening))
  const { packets } = await readCapture(source)
  const end: HolderEnd = { packets: packets.length, endReason: source.endReason }
  console.log(JSON.stringify(end))
  await launcher.close()
}

await main()

/** Whether this process could capture by itself; undefined where that cannot be told. */
function mayCapture(): boolean | undefined {
  const held = heldRights()
  return held === undefined ? undefined : hasCapability(held.effective | held.permitted, 'net_raw')
}
