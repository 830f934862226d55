// Flags of the files that are written: per flow, and what goes with them.

import { UsageError } from '../../core/errors.ts'
import type { Flag } from '../flag.ts'
import { NAME_LETTERS } from '../name-template.ts'
import { parseChoice, parseCount, parseSize, quote } from '../quantities.ts'
import { disableScanner, enableScanner, onlyScanner } from '../scanners.ts'

const group = 'Files'
const GAP_CHOICES = ['hole', 'mark', 'skip'] as const
const SCANNER = { label: 'SCANNER', kind: 'none', choices: ['http', 'md5', 'all'] } as const

export const FILE_FLAGS: readonly Flag[] = [
  {
    name: 'output',
    shorts: 'o',
    group,
    argument: { label: 'DIR', kind: 'folder' },
    help: 'Write one file for each flow (one direction of a connection) into this folder, which is made if it does not exist. Without -o, -c, -C, --json and -w: into the current folder.',
    apply: (s, value, flag) => {
      if (value === '') throw new UsageError(`${flag}: the name of a folder is missing`)
      s.outputFolder = value
    },
  },
  {
    name: 'template',
    shorts: 'T',
    group,
    argument: { label: 'TEMPLATE', kind: 'none' },
    help: 'Names of the files: %A %a source address and port, %B %b destination, %H %h host names (or the address), %I %i images, %E %e MACs, %V%v VLAN, %T %t time as ISO or epoch, %C%c counter of later connections, %# counter always, %N %K %M %G connection number by thousands, %%; "/" makes folders. Default %A.%a-%B.%b%V%v%C%c',
    apply: (s, value, flag) => {
      if (value === '') throw new UsageError(`${flag}: the template is empty`)
      s.nameTemplate = value
    },
  },
  {
    name: 'filename',
    shorts: 'F',
    group,
    argument: { label: 'LETTERS', kind: 'none' },
    help: 'Change the names by letters; c: counter in every name; t: epoch in front; T: ISO time in front; k, m, g: folders of 1000 flows, on one, two or three levels; M: MD5 of every flow in the report; X: only the report.',
    apply: (s, value, flag) => {
      const odd = [...value].find((letter) => !NAME_LETTERS.includes(letter))
      if (value === '' || odd !== undefined) {
        throw new UsageError(`${flag}: ${quote(odd ?? '')} is not one of the letters ${[...NAME_LETTERS].join(' ')}`)
      }
      s.nameLetters += value
    },
  },
  {
    name: 'max-bytes',
    shorts: 'b',
    group,
    argument: { label: 'SIZE', kind: 'none' },
    help: 'Keep no more than this of each flow; with -c, print no more.',
    apply: (s, value, flag) => {
      s.maximumBytes = parseSize(value, flag)
    },
  },
  {
    name: 'gaps',
    shorts: '',
    group,
    argument: { label: 'HOW', kind: 'none', choices: GAP_CHOICES },
    help: 'What to write for bytes that are missing from the capture: hole (a sparse hole, so that what follows keeps its offset; default in files), mark ("[1460 bytes missing]"; default on the console) or skip (nothing).',
    apply: (s, value, flag) => {
      s.gaps = parseChoice(value, flag, GAP_CHOICES)
    },
  },
  {
    name: 'max-jump',
    shorts: 'm',
    group,
    argument: { label: 'SIZE', kind: 'none' },
    help: 'If the sequence number jumps by more than this, a new flow begins. Default 16M.',
    apply: (s, value, flag) => {
      s.maximumJumpBytes = parseSize(value, flag, 1)
    },
  },
  {
    name: 'max-files',
    shorts: 'f',
    group,
    argument: { label: 'N', kind: 'none' },
    help: 'Keep at most so many files open at once; no data is lost. Default 1000.',
    apply: (s, value, flag) => {
      s.maximumOpenFiles = parseCount(value, flag, 1)
    },
  },
  {
    name: 'merge',
    shorts: '',
    group,
    help: 'Write both directions of a connection to one file, in the order of the conversation.',
    apply: (s) => {
      s.merge = true
    },
  },
  {
    name: 'all',
    shorts: 'a',
    group,
    help: 'Do all processing: -e http -e md5.',
    apply: (s) => enableScanner(s, 'all', '-a'),
  },
  {
    name: 'only',
    shorts: 'E',
    group,
    argument: SCANNER,
    help: 'Do this processing and no other: http, md5 or all.',
    apply: onlyScanner,
  },
  {
    name: 'enable',
    shorts: 'e',
    group,
    argument: SCANNER,
    help: 'Do this processing too: http writes HTTP bodies to files of their own, unpacked (FLOW-HTTPBODY-001.html); md5 puts the MD5 of every flow into the report.',
    apply: enableScanner,
  },
  {
    name: 'disable',
    shorts: 'x',
    group,
    argument: SCANNER,
    help: 'Leave this processing out: -a -x md5.',
    apply: disableScanner,
  },
  {
    name: 'no-gunzip',
    shorts: 'Z',
    group,
    help: 'Leave compressed bodies compressed, with -e http.',
    apply: (s) => {
      s.decompressBodies = false
    },
  },
  {
    name: 'max-unpacked',
    shorts: '',
    group,
    argument: { label: 'SIZE', kind: 'none' },
    help: 'With -e http and --decode: unpack no more than this from all compressed HTTP bodies together, plus 20 times their compressed size. Default 256M.',
    apply: (s, value, flag) => {
      s.maximumUnpackedBytes = parseSize(value, flag)
    },
  },
  {
    name: 'index',
    shorts: 'I',
    group,
    help: 'Write FLOW.findx beside each file, with lines of offset|time|length.',
    apply: (s) => {
      s.index = true
    },
  },
  {
    name: 'pcap-per-flow',
    shorts: 'K',
    group,
    help: 'Beside each file, write a capture file of its packets.',
    apply: (s) => {
      s.packetsPerFlow = true
    },
  },
  {
    name: 'report',
    shorts: 'X',
    group,
    argument: { label: 'FILE', kind: 'file' },
    help: 'Write the DFXML report to this file. Default: report.xml in the folder of the flows; with -c, no report.',
    apply: (s, value, flag) => {
      if (value === '') throw new UsageError(`${flag}: the name of a file is missing`)
      s.reportPath = value
    },
  },
]
