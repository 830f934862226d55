// The program's version, as `--version` prints it.

import packageJson from '../../package.json' with { type: 'json' }

export function formatVersion(): string {
  return `tcpflow ${packageJson.version}\n`
}
