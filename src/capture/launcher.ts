// Starts capture children: in this process, or through the broker, which kept the privilege when this process dropped it.

import { existsSync } from 'node:fs'
import type { Socket } from 'node:net'
import { hasCapability, heldRights } from './capabilities.ts'
import { type CaptureExit, CaptureProcess, type CaptureProgram } from './capture-process.ts'
import type { CaptureRequest } from './capture-request.ts'

/** A running capture child. */
export interface CaptureChild {
  /** Its pcapng. */
  readonly data: Socket
  /** Resolves once it has ended; never rejects. */
  readonly exited: Promise<CaptureExit>
  /** Asks it to end, with its last packets and statistics. */
  stop(): void
  /** Ends it at once. */
  kill(): void
}

export interface CaptureLauncher {
  /** Starts a child that opens the interface at once. Rejects with OperatorError when no child could be started. */
  launch(request: CaptureRequest): Promise<CaptureChild>
  /** Frees what the launcher holds. Children still running are asked to end. May be called twice. */
  close(): Promise<void>
}

/** Starts children as this process's own. */
export function directLauncher(program: CaptureProgram): CaptureLauncher {
  const running = new Set<CaptureProcess>()
  return {
    async launch(request) {
      const child = new CaptureProcess(program, request)
      running.add(child)
      child.exited.then(() => running.delete(child))
      child.begin()
      return child
    },
    async close() {
      for (const child of running) child.stop()
    },
  }
}

/**
 * What gives capture programs NET_RAW in a container whose user is not root: `launcherPath` (from the environment's
 * TCPFLOW_CAPTURE_LAUNCHER) is a copy of setpriv(1) with the file capability cap_net_raw+ep, which hands that one capability
 * on. Node itself has none, so the process that parses does not either. [] for root, and where it would not work: the
 * container may not have NET_RAW, or gain anything (no-new-privileges).
 */
export function capabilityWrapper(launcherPath: string | undefined, userId = process.geteuid?.()): string[] {
  if (userId === 0 || launcherPath === undefined || launcherPath === '' || !existsSync(launcherPath)) return []
  const held = heldRights()
  if (held === undefined || held.noNewPrivileges || !hasCapability(held.bounding, 'net_raw')) return []
  return [launcherPath, '--inh-caps=+net_raw', '--ambient-caps=+net_raw', '--no-new-privs']
}
