// `tcpflow containers` (also `ps`): what runs, and where each would be captured.

import { bold, $ as colors, cyan } from 'kleur/colors'
import { UsageError } from '../core/errors.ts'
import { type ListedContainer, listContainers } from '../pipeline/container-list.ts'
import { wantsColor } from './color.ts'
import type { Command } from './command.ts'
import { formatTable } from './table.ts'
import { harmless, writeText } from './write-text.ts'

/**
 * People ask where a container is captured, so that column is cut last: first the image, then networks, addresses,
 * ports.
 */
const SHRINKABLE: readonly (readonly [title: string, least?: number])[] = [
  ['IMAGE', 14],
  ['SERVICE', 10],
  ['NETWORK'],
  ['ADDRESS', 10],
  ['CAPTURED AT', 20],
  ['PORTS'],
  ['NAME', 12],
  ['IMAGE'],
  ['ADDRESS'],
  ['NAME'],
  ['CAPTURED AT'],
]
/** On a narrower terminal there is no column for the service: names made by Compose and Swarm contain it. */
const SERVICE_WIDTH = 110

export const containersCommand: Command = async (settings, words, io) => {
  if (words.length > 0) throw new UsageError(`containers takes no words, but it was given ${words.join(' ')}`)
  const rows = await listContainers(settings.dockerHost, io.env)
  if (settings.json !== undefined) {
    writeText(io.stdout, rows.map((row) => `${asciiJson(row)}\n`).join(''))
  } else if (settings.quiet) {
    writeText(io.stdout, harmless(rows.map(({ name }) => `${name}\n`).join('')))
  } else {
    const width = io.stdoutIsTerminal ? io.columns() : Number.POSITIVE_INFINITY
    writeText(io.stdout, containersTable(rows, width, wantsColor(settings.color, io.env, io.stdoutIsTerminal)))
  }
  return 0
}

/**
 * Escapes everything that is not ASCII, so that no control character comes through, whatever the containers are called.
 */
function asciiJson(row: ListedContainer): string {
  return JSON.stringify(row).replace(/[\x7f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

export function containersTable(rows: readonly ListedContainer[], width: number, color: boolean): string {
  colors.enabled = color
  const withService = width >= SERVICE_WIDTH && rows.some(({ service }) => service !== '')
  const header = [
    'NAME',
    ...(withService ? ['SERVICE'] : []),
    'IMAGE',
    'NETWORK',
    'ADDRESS',
    'PORTS',
    'VIA',
    'CAPTURED AT',
  ]
  const cells = rows.map((row) =>
    [
      row.name,
      ...(withService ? [row.service] : []),
      row.image,
      row.networks.length === 0 ? row.networkMode : row.networks.map(({ name }) => name).join(','),
      row.networks.flatMap(({ addresses }) => addresses).join(','),
      row.publishedPorts.join(','),
      row.way === '' ? '-' : row.way,
      row.where,
    ].map((cell) => harmless(cell.replace(/[\t\n\r]/g, '.'))),
  )
  const shrinkable = SHRINKABLE.filter(([title]) => header.includes(title)).map(([title, least]) => ({
    column: header.indexOf(title),
    ...(least === undefined ? {} : { least }),
  }))
  const { lines, widths } = formatTable([header, ...cells], width, shrinkable)
  const [first, ...others] = lines
  const shown = others.map((line) => cyan(line.slice(0, widths[0])) + line.slice(widths[0]))
  const none = rows.length === 0 ? 'no container is running\n' : ''
  return `${[bold(first!), ...shown].join('\n')}\n${none}`
}
