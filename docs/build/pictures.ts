// The pictures of the documentation: what the built program prints about captures that are made here.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { captureOf, Talk } from '../../test/support/talk.ts'
import { terminalPicture } from './terminal-picture.ts'

const PROGRAM = join(import.meta.dirname, '../../dist/tcpflow.js')
const WEB = '172.17.0.2'
const START = 1_764_485_520

/** File name → SVG. Needs the program to be built. */
export async function makePictures(): Promise<Map<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), 'tcpflow-pictures-'))
  try {
    writeFileSync(join(folder, 'trace.pcap'), captureOf(...conversations()))
    writeFileSync(join(folder, 'shop.pcap'), captureOf(...shop()))
    return new Map([
      ['console.svg', picture(folder, ['-c', '-J', '-q', '-r', 'trace.pcap'], 96)],
      ['latency.svg', picture(folder, ['latency', '--color=always', '-r', 'shop.pcap', '-t', '160'], 118)],
    ])
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function picture(folder: string, args: readonly string[], columns: number): string {
  const { stdout, stderr, status } = spawnSync(process.execPath, [PROGRAM, ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, TZ: 'UTC', COLUMNS: String(columns) },
  })
  if (status !== 0) throw new Error(`tcpflow ${args.join(' ')} ended with ${status}: ${stderr}`)
  const command = `$ tcpflow ${args.filter((arg) => arg !== '-q' && arg !== '--color=always').join(' ')}`
  const text = `${command}\n${stdout}${stderr}`.replaceAll('\r', '')
  return terminalPicture('tcpflow', text, columns)
}

/** A login that fails and one that works; then a port on which nobody listens. */
function conversations(): Talk[] {
  const login = (port: number, body: string): Talk =>
    new Talk({ client: '172.17.0.3', clientPort: port, server: WEB, serverPort: 8080, startTime: START + port })
      .open()
      .client(
        `POST /login HTTP/1.1\r\nHost: web:8080\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      )
  const failed = login(33912, 'user=anna')
    .server(
      'HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: 29\r\n\r\n{"ok":false,"city":"Zürich"}\n',
    )
    .close()
  const worked = login(33918, 'user=anna&code=4711')
    .server('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{"ok":true}\n')
    .close()
  const refused = new Talk({
    client: '172.17.0.4',
    clientPort: 51022,
    server: WEB,
    serverPort: 8081,
    startTime: START + 40000,
  })
  refused.syn().segment(1, { flags: 'R.', seq: 0, ack: 1001 })
  return [failed, worked, refused]
}

/** Requests of a shop, some of them slow. */
function shop(): Talk[] {
  const talks: Talk[] = []
  const routes = ['GET /products/', 'GET /cart/', 'POST /orders/', 'GET /report']
  for (let i = 0; i < 12; i++) {
    const talk = new Talk({
      client: '172.17.0.3',
      clientPort: 40000 + i,
      server: WEB,
      serverPort: 8080,
      startTime: START + i * 10,
    }).open()
    for (let n = 0; n < 20; n++) {
      const route = routes[(i * 7 + n * 3) % 4]!
      const path = route.endsWith('/') ? `${route}${i * 20 + n}` : route
      talk.client(`${path} HTTP/1.1\r\nHost: web:8080\r\nContent-Length: 0\r\n\r\n`)
      talk.wait(route === 'GET /report' ? 40 + ((i * 31 + n * 17) % 23) * 6 : 1 + ((i + n) % 5) * ((i + n) % 4))
      const status = route === 'POST /orders/' && n === 13 && i % 5 === 1 ? '503 Service Unavailable' : '200 OK'
      talk.server(`HTTP/1.1 ${status}\r\nContent-Length: 2\r\n\r\nok`)
    }
    talks.push(talk.close())
  }
  return talks
}
