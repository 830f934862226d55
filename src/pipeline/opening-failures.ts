// Tells captures that could not be opened because their containers have stopped from those that failed for another reason.

import { InterfaceAbsent } from '../capture/capture-error.ts'
import type { CaptureTarget } from '../container/capture-target.ts'
import type { Engine } from '../container/engine.ts'
import type { HostView } from '../container/host-view.ts'
import type { OperatorError } from '../core/errors.ts'

const MOST_REMEMBERED = 1000
/**
 * An interface is gone a moment before the engine says that its container has stopped. So many looks at the engine are waited
 * for.
 */
const LOOKS_FOR_AN_END = 20

export class OpeningFailures {
  readonly #engine: Engine
  readonly #view: HostView
  /** How often in a row each capture failed, by its key. */
  readonly #failures = new Map<string, number>()

  constructor(engine: Engine, view: HostView) {
    this.#engine = engine
    this.#view = view
  }

  /** The capture with this key could be opened. */
  forget({ key }: CaptureTarget): void {
    this.#failures.delete(key)
  }

  /**
   * Whether a capture could not be opened because its container has stopped since it was looked up, or may be stopping
   * just now. Then the watch will say so, and it is no failure.
   */
  async mayHaveStopped(target: CaptureTarget, error: OperatorError, atStart: boolean): Promise<boolean> {
    const { key, way, namespace, sidecarOf } = target
    const failures = (this.#failures.get(key) ?? 0) + 1
    if (this.#failures.size >= MOST_REMEMBERED) this.#failures.clear()
    this.#failures.set(key, failures)
    if (!atStart && failures === 1) return true
    if (way === 'sidecar') {
      const container = await this.#engine.inspect(sidecarOf).catch(() => undefined)
      return (container === undefined || container.pid === 0) && failures < LOOKS_FOR_AN_END
    }
    const isThere = namespace !== undefined && this.#view.namespaceOf(namespace.pid) === namespace.inode
    return error instanceof InterfaceAbsent && !isThere && failures < LOOKS_FOR_AN_END
  }
}
