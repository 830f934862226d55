// Starts the broker, while this process still has the privilege, and asks it for capture children afterwards.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { OperatorError } from '../core/errors.ts'
import type { BrokerCommand, BrokerReply } from './broker-messages.ts'
import { type CaptureExit, type CaptureProgram, environmentOfChildren } from './capture-process.ts'
import type { CaptureRequest } from './capture-request.ts'
import type { CaptureChild, CaptureLauncher } from './launcher.ts'

/** What is still expected of one child. */
interface Expected {
  launched(data: Socket): void
  refused(error: OperatorError): void
  exited(exit: CaptureExit): void
}

/** The broker runs with the rights of this moment: drop this process's rights right after. */
export function startBroker(program: CaptureProgram, brokerPath: string): CaptureLauncher {
  return new BrokerLauncher(program, brokerPath)
}

class BrokerLauncher implements CaptureLauncher {
  readonly #broker: ChildProcess
  readonly #expected = new Map<number, Expected>()
  #lastId = 0
  #ended = false

  constructor(program: CaptureProgram, brokerPath: string) {
    this.#broker = spawn(program.execPath, [brokerPath, JSON.stringify(program)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      // The terminal's Ctrl-C is for the program alone, which then stops its captures in order.
      detached: true,
      env: environmentOfChildren(),
    })
    this.#broker.on('message', (reply: BrokerReply, socket) => this.#onReply(reply, socket as Socket | undefined))
    this.#broker.on('error', () => this.#onEnd())
    this.#broker.on('exit', () => this.#onEnd())
  }

  async launch(request: CaptureRequest): Promise<CaptureChild> {
    if (this.#ended) throw new OperatorError(BROKER_ENDED)
    const id = ++this.#lastId
    let exited: Expected['exited'] = () => {}
    const exit = new Promise<CaptureExit>((resolve) => {
      exited = resolve
    })
    const launched = new Promise<Socket>((resolve, reject) => {
      this.#expected.set(id, { launched: resolve, refused: reject, exited })
    })
    this.#send({ type: 'launch', id, request })
    const data = await launched
    this.#send({ type: 'begin', id })
    return {
      data,
      exited: exit,
      stop: () => this.#send({ type: 'stop', id }),
      kill: () => this.#send({ type: 'kill', id }),
    }
  }

  async close(): Promise<void> {
    if (this.#ended) return
    const exit = once(this.#broker, 'exit')
    if (this.#broker.connected) this.#broker.disconnect()
    await exit
  }

  #send(command: BrokerCommand): void {
    if (this.#broker.connected) this.#broker.send(command, () => {})
  }

  #onReply(reply: BrokerReply, socket: Socket | undefined): void {
    const expected = this.#expected.get(reply.id)
    if (expected === undefined) return
    if (reply.type === 'launched' && socket !== undefined) {
      expected.launched(socket)
      return
    }
    this.#expected.delete(reply.id)
    if (reply.type === 'exited') expected.exited(reply.exit)
    else
      expected.refused(new OperatorError(`cannot capture: ${reply.type === 'refused' ? reply.reason : BROKER_ENDED}`))
  }

  #onEnd(): void {
    this.#ended = true
    for (const { refused, exited } of this.#expected.values()) {
      refused(new OperatorError(BROKER_ENDED))
      exited({ exitCode: null, signal: null, stderrTail: BROKER_ENDED })
    }
    this.#expected.clear()
  }
}

const BROKER_ENDED = 'the process that opens interfaces has ended'
