// The broker: a program of its own that keeps the privilege when `-U` makes the program that parses hostile bytes give it
// up. It starts capture children on request, hands over their pipes and never looks into them. It ends with its parent.

import { type BrokerReply, checkBrokerCommand } from './broker-messages.ts'
import { CaptureProcess, type CaptureProgram } from './capture-process.ts'
import type { CaptureRequest } from './capture-request.ts'

/** A parser that was taken over must not be able to fill the machine with processes. */
const MAXIMUM_CHILDREN = 256

const program = JSON.parse(process.argv[2] ?? '') as CaptureProgram
const children = new Map<number, CaptureProcess>()

process.on('message', (message) => {
  const command = checkBrokerCommand(message)
  if (typeof command === 'string') refuse(idOf(message), command)
  else if (command.type !== 'launch') children.get(command.id)?.[command.type]()
  else if (children.has(command.id)) refuse(command.id, 'the id is taken')
  else if (children.size >= MAXIMUM_CHILDREN) refuse(command.id, 'too many captures at a time')
  else launch(command.id, command.request)
})
// The children see the end of their standard input then, and end too.
process.on('disconnect', () => process.exit(0))

function launch(id: number, request: CaptureRequest): void {
  const child = new CaptureProcess(program, request)
  children.set(id, child)
  child.data.on('error', () => {})
  reply({ type: 'launched', id }, child.data)
  child.exited.then((exit) => {
    children.delete(id)
    reply({ type: 'exited', id, exit })
  })
}

function refuse(id: number, reason: string): void {
  reply({ type: 'refused', id, reason })
}

function reply(message: BrokerReply, handle?: CaptureProcess['data']): void {
  // It fails when the parent is gone, and then `disconnect` ends us.
  process.send?.(message, handle, {}, () => {})
}

function idOf(message: unknown): number {
  const id = (message as { id?: unknown } | null)?.id
  return typeof id === 'number' ? id : 0
}
