// Opens a capture that containers ask for: with a child on this machine, or with a sidecar where the engine runs.

import type { CaptureRequest } from '../capture/capture-request.ts'
import type { CaptureLauncher } from '../capture/launcher.ts'
import type { LiveSource } from '../capture/live-source.ts'
import type { CaptureTarget } from '../container/capture-target.ts'
import type { Engine } from '../container/engine.ts'
import type { ContainersPlan, InputPlan, Plan } from '../plan.ts'

export interface OpenerParts {
  readonly plan: Plan
  readonly input: Extract<InputPlan, { kind: 'live' }>
  readonly containers: ContainersPlan
  readonly launcher: CaptureLauncher
}

/** The image that the README tells people to build. */
const PUBLISHED_IMAGE = 'tcpflow'

export class TargetOpener {
  readonly #parts: OpenerParts
  readonly #engine: Engine
  #sidecarImage: string | undefined

  constructor(parts: OpenerParts, engine: Engine) {
    this.#parts = parts
    this.#engine = engine
  }

  /** Resolves once packets are being seen. Rejects with OperatorError. */
  async open(target: CaptureTarget): Promise<LiveSource> {
    const request = this.#request(target)
    if (target.way !== 'sidecar') {
      const { openLiveSource } = await import('../capture/live-source.ts')
      return await openLiveSource(request, this.#parts.launcher)
    }
    const { openSidecarSource } = await import('./sidecar-source.ts')
    return await openSidecarSource(this.#engine, await this.#image(), target.sidecarOf, request)
  }

  async #image(): Promise<string> {
    this.#sidecarImage ??=
      this.#parts.containers.sidecarImage ?? (await this.#engine.ownImage().catch(() => undefined)) ?? PUBLISHED_IMAGE
    return this.#sidecarImage
  }

  #request({ interfaceName, filter, place, label, namespace }: CaptureTarget): CaptureRequest {
    const { plan, input } = this.#parts
    const parts = [filter, plan.filter].filter((part) => part !== '')
    return {
      interfaceName,
      filter: parts.length < 2 ? parts.join('') : parts.map((part) => `(${part})`).join(' and '),
      snapshotBytes: input.snapshotBytes,
      kernelBufferBytes: input.kernelBufferBytes,
      bufferTimeoutMillis: input.bufferTimeoutMillis,
      promiscuous: input.promiscuous && interfaceName !== 'any',
      description: label.replace(/\p{Cc}/gu, '.').slice(0, 200),
      ...(place === '' ? {} : { place: place.replace(/\p{Cc}/gu, '.').slice(0, 256) }),
      ...(namespace === undefined ? {} : { namespace }),
    }
  }
}
