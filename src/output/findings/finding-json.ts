// Findings as JSON, one a line: `tcpflow diagnose --json`. Docs: docs/diagnosis.md.

import type { Finding, FindingHost } from '../../core/finding.ts'
import { isoTime, jsonString } from '../json/json-text.ts'

const HOST_FIELDS = ['name', 'container', 'image', 'network'] as const
const MAXIMUM_HOST_CHARACTERS = 256

/** The whole line, with its newline. `savedAs`: the file that has its packets, if there is one. */
export function findingJson(finding: Finding, savedAs = ''): string {
  const { id, state, severity, certainty, client, server, name, connections, count } = finding
  const evidence = finding.evidence.map(({ time, text }) => `{"time":"${isoTime(time)}","text":${jsonString(text)}}`)
  const saved = savedAs === '' ? '' : `,"savedAs":${jsonString(savedAs)}`
  return (
    `{"event":"finding","id":"${id}","state":"${state}","severity":"${severity}","certainty":"${certainty}"` +
    `,"client":${hostJson(client)},"server":${hostJson(server)},"name":${jsonString(name)}` +
    `,"connections":[${connections.join(',')}],"count":${count}` +
    `,"firstTime":"${isoTime(finding.firstTime)}","lastTime":"${isoTime(finding.lastTime)}"` +
    `,"cause":${jsonString(finding.cause)},"next":${jsonString(finding.next)},"evidence":[${evidence.join(',')}]${saved}}\n`
  )
}

function hostJson(host: FindingHost | undefined): string {
  if (host === undefined) return 'null'
  let known = host.port === undefined ? '' : `,"port":${host.port}`
  for (const field of HOST_FIELDS) {
    const text = (host[field] ?? '').slice(0, MAXIMUM_HOST_CHARACTERS)
    if (text !== '') known += `,"${field}":${jsonString(text)}`
  }
  return `{"address":${jsonString(host.address)}${known}}`
}
