// Every view. A new one is a file here and a line in this list.

import { connectionLogView } from './connection-log.ts'
import { connectionSummaryView } from './connection-summary.ts'
import { consoleView } from './console.ts'
import { diagnoseView } from './diagnose.ts'
import { filesView } from './files.ts'
import { httpBodiesView } from './http-bodies.ts'
import { jsonView } from './json.ts'
import { latencyView } from './latency.ts'
import { notesView } from './notes.ts'
import { packetLinesView } from './packet-lines.ts'
import { packetsView } from './packets.ts'
import { portsView } from './ports.ts'
import { scriptsView } from './scripts.ts'
import type { View } from './view.ts'

/** In the order in which they are attached, where no view says otherwise. */
export const VIEWS: readonly View[] = [
  scriptsView,
  consoleView,
  jsonView,
  filesView,
  httpBodiesView,
  portsView,
  packetLinesView,
  latencyView,
  diagnoseView,
  packetsView,
  connectionSummaryView,
  connectionLogView,
  notesView,
]
