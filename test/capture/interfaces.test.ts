import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ipv6Addresses, quietIpv4Addresses } from '../../src/capture/interface-addresses.ts'
import { InterfaceWatch } from '../../src/capture/interface-watch.ts'
import {
  closestNames,
  defaultInterface,
  formatInterfaces,
  interfaceNames,
  listInterfaces,
} from '../../src/capture/interfaces.ts'

test('the list as people see it', () => {
  const bridge = { name: 'docker0', state: 'no carrier', kind: 'bridge', master: '', addresses: ['172.17.0.1/16'] }
  const veth = { name: 'veth1a', state: 'up', kind: 'veth', master: 'docker0', addresses: [] }
  const loopback = { name: 'lo', state: 'up', kind: 'loopback', master: '', addresses: ['127.0.0.1/8', '::1/128'] }
  assert.equal(
    formatInterfaces([bridge, loopback, veth]),
    `   NAME     STATE       KIND                 ADDRESSES
*  docker0  no carrier  bridge               172.17.0.1/16
   lo       up          loopback             127.0.0.1/8 ::1/128
   veth1a   up          veth on docker0
   any                  all of them at once
* what is captured without -i
`,
  )
  assert.match(formatInterfaces([loopback]), /^\* {2}any /m)
})

test('docker0 is the default where there is one', () => {
  assert.equal(defaultInterface(['eth0', 'docker0']), 'docker0')
  assert.equal(defaultInterface(['eth0', 'docker1']), 'any')
})

test('the names most alike come first', () => {
  assert.equal(closestNames('dokcer0', ['eth0', 'lo', 'docker0', 'docker_gwbridge'])[0], 'docker0')
  assert.equal(closestNames('ETH0', ['lo', 'eth1', 'eth0'])[0], 'eth0')
  assert.deepEqual(closestNames('x', []), [])
})

test('this machine has a loopback interface, up, with its address', { skip: process.platform !== 'linux' }, () => {
  assert.ok(interfaceNames().includes('lo'))
  const lo = listInterfaces().find(({ name }) => name === 'lo')!
  assert.equal(lo.kind, 'loopback')
  if (lo.state === 'up') assert.ok(lo.addresses.includes('127.0.0.1/8'))
})

test('addresses of a bridge that nothing is plugged into', () => {
  const routes = [
    'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
    'eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0',
    'docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0',
    'eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
    '',
  ].join('\n')
  const trie = `Main:
  +-- 0.0.0.0/0 3 0 4
     |-- 127.0.0.1
        /32 host LOCAL
     |-- 172.17.0.0
        /16 link UNICAST
     |-- 172.17.0.1
        /32 host LOCAL
     |-- 172.17.255.255
        /32 link BROADCAST
     |-- 192.0.2.2
        /32 host LOCAL
`
  assert.deepEqual(
    quietIpv4Addresses(routes, trie + trie),
    new Map([
      ['docker0', ['172.17.0.1/16']],
      ['eth0', ['192.0.2.2/24']],
    ]),
  )
  assert.deepEqual(quietIpv4Addresses('', ''), new Map())
})

test('IPv6 addresses', () => {
  const table = `fe8000000000000000fc00fffe000001 04 40 20 80     eth0
fd000000000000000000000000000002 04 7f 00 82     eth0
00000000000000000000000000000001 01 80 10 80       lo
`
  assert.deepEqual(
    ipv6Addresses(table),
    new Map([
      ['eth0', ['fe80::fc:ff:fe00:1/64', 'fd00::2/127']],
      ['lo', ['::1/128']],
    ]),
  )
  assert.deepEqual(ipv6Addresses(''), new Map())
})

test('loopback stays, and what never was does not go away', () => {
  assert.equal(new InterfaceWatch('lo').gone(), false)
  assert.equal(new InterfaceWatch('any').gone(), false)
})
