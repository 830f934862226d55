// Names for the numbers of TLS: versions, alerts (RFC 8446 §6), groups, cipher suites.

import { SUITE_NAMES } from './tls-suites.ts'

const VERSIONS: ReadonlyMap<number, string> = new Map([
  [0x0002, 'SSL 2.0'],
  [0x0300, 'SSL 3.0'],
  [0x0301, 'TLS 1.0'],
  [0x0302, 'TLS 1.1'],
  [0x0303, 'TLS 1.2'],
  [0x0304, 'TLS 1.3'],
])

const ALERTS: ReadonlyMap<number, string> = new Map([
  [0, 'close_notify'],
  [10, 'unexpected_message'],
  [20, 'bad_record_mac'],
  [21, 'decryption_failed'],
  [22, 'record_overflow'],
  [30, 'decompression_failure'],
  [40, 'handshake_failure'],
  [41, 'no_certificate'],
  [42, 'bad_certificate'],
  [43, 'unsupported_certificate'],
  [44, 'certificate_revoked'],
  [45, 'certificate_expired'],
  [46, 'certificate_unknown'],
  [47, 'illegal_parameter'],
  [48, 'unknown_ca'],
  [49, 'access_denied'],
  [50, 'decode_error'],
  [51, 'decrypt_error'],
  [60, 'export_restriction'],
  [70, 'protocol_version'],
  [71, 'insufficient_security'],
  [80, 'internal_error'],
  [86, 'inappropriate_fallback'],
  [90, 'user_canceled'],
  [100, 'no_renegotiation'],
  [109, 'missing_extension'],
  [110, 'unsupported_extension'],
  [111, 'certificate_unobtainable'],
  [112, 'unrecognized_name'],
  [113, 'bad_certificate_status_response'],
  [114, 'bad_certificate_hash_value'],
  [115, 'unknown_psk_identity'],
  [116, 'certificate_required'],
  [120, 'no_application_protocol'],
  [121, 'ech_required'],
])

const GROUPS: ReadonlyMap<number, string> = new Map([
  [23, 'secp256r1'],
  [24, 'secp384r1'],
  [25, 'secp521r1'],
  [29, 'x25519'],
  [30, 'x448'],
  [256, 'ffdhe2048'],
  [257, 'ffdhe3072'],
  [258, 'ffdhe4096'],
  [4588, 'X25519MLKEM768'],
  [4587, 'SecP256r1MLKEM768'],
])

const hex = (value: number) => `0x${value.toString(16).padStart(4, '0')}`

export function versionName(version: number): string {
  return VERSIONS.get(version) ?? hex(version)
}

/** `alert 70, protocol_version`. */
export function alertWords(code: number): string {
  const name = ALERTS.get(code)
  return name === undefined ? `alert ${code}` : `alert ${code}, ${name}`
}

/** The first few of a list, by name. */
export function suiteNames(suites: readonly number[]): string {
  // signalling values (RFC 5746, RFC 7507) are no suites
  const real = suites.filter((suite) => suite !== 0x00ff && suite !== 0x5600)
  return listed(real.map((suite) => SUITE_NAMES.get(suite) ?? hex(suite)))
}

export function groupNames(groups: readonly number[]): string {
  return listed(groups.map((group) => GROUPS.get(group) ?? hex(group)))
}

export function listed(names: readonly string[]): string {
  const shown = names.slice(0, 6).join(', ')
  return names.length > 6 ? `${shown} and ${names.length - 6} more` : shown
}
