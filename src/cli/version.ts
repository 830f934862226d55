// The program's version, as `--version` prints it.

import packageJson from '../../package.json' with { type: 'json' }
import type { FlagTableName } from './settings.ts'

/** tcpkit is tcpflow by another name. */
export function formatVersion(table: FlagTableName = 'dump'): string {
  const version = `tcpflow ${packageJson.version}`
  return table === 'tcpkit' ? `tcpkit (${version})\n` : `${version}\n`
}
