// `-S name=value`: tcpflow's settings, and what each does here.

import { UsageError } from '../core/errors.ts'
import { parseCount, quote } from './quantities.ts'
import type { Settings } from './settings.ts'

type ApplySetting = (settings: Settings, value: string, flag: string) => void

const APPLY: Readonly<Record<string, ApplySetting>> = {
  enable_report: (settings, value, flag) => {
    settings.report = parseYesNo(value, flag)
  },
  'packet-buffer-timeout': (settings, value, flag) => {
    settings.bufferTimeoutMillis ??= parseCount(value, flag, 1)
  },
  tdelta: onlyDefault('0', 'times stay as they were captured'),
  tcp_timeout: onlyDefault('0', 'a connection does not end because it is silent'),
  http_cmd: onlyDefault('', 'this tcpflow runs no commands; -e http writes the bodies to files'),
  tcp_cmd: onlyDefault('', 'this tcpflow runs no commands; read --json instead'),
  http_alert_fd: onlyDefault('-1', 'read --json instead'),
  tcp_alert_fd: onlyDefault('-1', 'read --json instead'),
  check_fcs: onlyDefault('YES', 'damaged frames are never decoded'),
  netviz_histogram_dump: onlyDefault('0', 'this tcpflow draws no pictures'),
  netviz_histogram_size: onlyDefault('1000', 'this tcpflow draws no pictures'),
}

/** Throws UsageError for a setting that does not exist, or that cannot have this value here. */
export function applyTcpflowSetting(settings: Settings, text: string, flag: string): void {
  const equals = text.indexOf('=')
  if (equals < 1) throw new UsageError(`${flag}: ${quote(text)} is not of the form NAME=VALUE`)
  const name = text.slice(0, equals)
  const apply = Object.hasOwn(APPLY, name) ? APPLY[name] : undefined
  if (apply === undefined) {
    throw new UsageError(`${flag}: there is no setting ${quote(name)}`, `there are ${Object.keys(APPLY).join(', ')}`)
  }
  apply(settings, text.slice(equals + 1), `${flag} ${name}`)
}

/** Accepts tcpflow's own default value and refuses any other. */
function onlyDefault(usual: string, why: string): ApplySetting {
  return (_settings, value, flag) => {
    if (value !== usual) throw new UsageError(`${flag}=${value} is not supported: ${why}`)
  }
}

function parseYesNo(value: string, flag: string): boolean {
  if (/^(yes|true|1)$/i.test(value)) return true
  if (/^(no|false|0)$/i.test(value)) return false
  throw new UsageError(`${flag}: ${quote(value)} is neither YES nor NO`)
}
