// The broker: a program of its own that keeps the rights which the program that parses hostile bytes has given up. It carries
// out typed requests (broker-requests.ts) and hands over what they open, without looking into it. It ends with its client.

import { createServer, type Socket } from 'node:net'
import type { BrokerOptions } from './broker-launcher.ts'
import { type BrokerAsk, type BrokerReply, checkBrokerCommand, checkGreeting, LineReader } from './broker-messages.ts'
import type { RequestKind } from './broker-requests/kind.ts'
import { requestKind } from './broker-requests.ts'
import type { CaptureProcess } from './capture-process.ts'

/** A parser that was taken over must not be able to fill the machine with processes. */
const MAXIMUM_CHILDREN = 256
const MAXIMUM_CONNECTIONS = 512
/** How long the client may take to connect, and a connection to send its greeting. */
const GREETING_MILLIS = 10_000
const PARENT_CHECK_MILLIS = 250
/** The socket that it is started with. */
const LISTENER = 3

const { token, program, requestTypes } = JSON.parse(process.env.TCPFLOW_BROKER ?? '') as BrokerOptions
delete process.env.TCPFLOW_BROKER
const children = new Map<number, CaptureProcess>()
let control: Socket | undefined

const server = createServer({ allowHalfOpen: true }, greet)
server.maxConnections = MAXIMUM_CONNECTIONS
server.on('error', () => process.exit(1))
server.listen({ fd: LISTENER })

// until the client has connected, its end shows only in that our parent is another process
const parent = process.ppid
const orphaned = setInterval(() => {
  if (process.ppid !== parent) process.exit(0)
}, PARENT_CHECK_MILLIS)
const unasked = setTimeout(() => process.exit(0), GREETING_MILLIS)

function greet(socket: Socket): void {
  const reader = new LineReader()
  const late = setTimeout(() => socket.destroy(), GREETING_MILLIS)
  socket.on('error', () => {})
  socket.on('close', () => clearTimeout(late))
  socket.setEncoding('utf8')
  const onData = (text: string): void => {
    const lines = reader.push(text)
    if (lines.length === 0) return
    clearTimeout(late)
    socket.off('data', onData).pause()
    const greeting = lines === 'too long' ? undefined : checkGreeting(lines[0], token)
    if (greeting === undefined) socket.destroy()
    else if ('control' in greeting) takeControl(socket)
    else carryOut(greeting.ask, socket)
  }
  socket.on('data', onData)
}

function takeControl(socket: Socket): void {
  if (control !== undefined) {
    socket.destroy()
    return
  }
  control = socket
  clearInterval(orphaned)
  clearTimeout(unasked)
  const reader = new LineReader()
  socket.on('data', (text: string) => {
    const lines = reader.push(text)
    if (lines === 'too long') process.exit(1)
    for (const line of lines) obey(line)
  })
  // The children see the end of their standard input then, and end too.
  socket.on('end', () => process.exit(0))
  socket.on('close', () => process.exit(0))
  socket.resume()
  reply({ type: 'ready' })
}

function obey(line: unknown): void {
  const command = checkBrokerCommand(line)
  if (command === undefined) return
  if ('ask' in command) carryOut(command.ask, undefined)
  else children.get(command.id)?.[command.type]()
}

function carryOut({ id, type, request }: BrokerAsk, socket: Socket | undefined): void {
  const kind = requestKind(type)
  const allowed = kind !== undefined && (requestTypes as readonly string[]).includes(type)
  const checked = allowed ? kind.check(request) : `this run does not ask for ${type}`
  if (!allowed || typeof checked === 'string') refuse(id, String(checked), socket)
  else if (kind.answer !== undefined) {
    reply({ type: 'answer', id, value: kind.answer(checked) })
    socket?.destroy()
  } else if (socket === undefined) refuse(id, 'this kind of request needs a connection of its own', socket)
  else if (kind.read !== undefined) handOver(kind.read(checked), id, socket)
  else if (children.has(id)) refuse(id, 'the id is taken', socket)
  else if (children.size >= MAXIMUM_CHILDREN) refuse(id, 'too many captures at a time', socket)
  else start(kind, checked, id, socket)
}

function handOver(bytes: Buffer | string, id: number, socket: Socket): void {
  if (typeof bytes === 'string') refuse(id, bytes, socket)
  else {
    reply({ type: 'answer', id, value: { bytes: bytes.length } })
    socket.end(bytes)
  }
}

function refuse(id: number, reason: string, socket: Socket | undefined): void {
  reply({ type: 'refused', id, reason })
  socket?.destroy()
}

function start(kind: RequestKind, request: unknown, id: number, socket: Socket): void {
  const child = kind.start!(request, program, socket)
  // the child has the socket now, and the client's stream must end when the child does
  socket.destroy()
  children.set(id, child)
  reply({ type: 'started', id })
  child.begin()
  child.exited.then((exit) => {
    children.delete(id)
    reply({ type: 'exited', id, exit })
  })
}

/** writing fails when the client is gone, and then `close` ends us */
function reply(message: BrokerReply): void {
  control?.write(`${JSON.stringify(message)}\n`)
}
