// What an ICMP error means, in plain words (RFC 792, RFC 1122 §3.2.2.1, RFC 4443).

const UNREACHABLE_V4: readonly string[] = [
  'network unreachable',
  'host unreachable',
  'protocol unreachable',
  'port unreachable',
  'packet too big for the path',
  'source route failed',
  'network unknown',
  'host unknown',
  'host isolated',
  'network administratively prohibited',
  'host administratively prohibited',
  'network unreachable for this type of service',
  'host unreachable for this type of service',
  'administratively prohibited (a firewall)',
]
const UNREACHABLE_V6: readonly string[] = [
  'no route to the address',
  'administratively prohibited (a firewall)',
  'beyond the scope of the source address',
  'address unreachable',
  'port unreachable',
  'source address failed the policy',
  'route rejected',
]

/** Such as `host unreachable`; types and codes without a name are given as numbers. */
export function icmpMeaning(family: number, type: number, code: number): string {
  if (family === 4 && type === 3) return UNREACHABLE_V4[code] ?? `unreachable (code ${code})`
  if (family === 6 && type === 1) return UNREACHABLE_V6[code] ?? `unreachable (code ${code})`
  if (family === 6 && type === 2) return 'packet too big for the path'
  if ((family === 4 && type === 11) || (family === 6 && type === 3)) return 'lost on the way (time to live exceeded)'
  return `ICMP type ${type} code ${code}`
}
