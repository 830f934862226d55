// The engine's JSON in our words: as Docker and Podman say it, and whatever else may come.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  containerDetails,
  containerList,
  countTasksElsewhere,
  engineEvent,
  engineVersion,
  networkList,
  podmanNetworks,
  topProcessIds,
} from '../../src/container/docker-answers.ts'

const ID = '6c192f8281c04634f4818eab121137daf4d5ab82bea01cff02e8c21221e1b1d5'
const NETWORK_ID = 'f1b87f6a43ffe302948bc817bdac2053363fd047f4a34a214ea47998cd684dcd'

/** As Docker 20.10 lists a container. */
const LISTED = {
  Id: ID,
  Names: ['/other/web', '/web'],
  Image: 'nginx:1',
  ImageID: 'sha256:e6',
  Labels: { 'com.docker.compose.service': 'web' },
  State: 'running',
  Status: 'Up 2 seconds',
  Ports: [
    { IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
    { PrivatePort: 443, Type: 'tcp' },
  ],
  HostConfig: { NetworkMode: 'default' },
  NetworkSettings: {
    Networks: {
      bridge: {
        Aliases: null,
        NetworkID: NETWORK_ID,
        IPAddress: '172.17.0.2',
        GlobalIPv6Address: 'fd00::2',
        MacAddress: '02:42:AC:11:00:02',
      },
    },
  },
}

const INSPECTED = {
  Id: ID,
  Name: '/web',
  State: {
    Status: 'running',
    Running: true,
    Pid: 16400,
    StartedAt: '2026-11-21T07:05:01.631866642Z',
    FinishedAt: '2026-11-21T07:04:59.1Z',
    ExitCode: 137,
    OOMKilled: true,
  },
  Image: 'sha256:e6',
  Config: { Image: 'nginx:1', Labels: { a: 'b' }, ExposedPorts: { '80/tcp': {}, '53/udp': {} } },
  HostConfig: { NetworkMode: 'shop_front' },
  NetworkSettings: {
    Ports: { '80/tcp': [{ HostIp: '::', HostPort: '8080' }], '53/udp': null },
    Networks: {
      shop_front: {
        Aliases: ['web', ID.slice(0, 12), 'www', ID],
        NetworkID: NETWORK_ID,
        IPAddress: '172.18.0.2',
        GlobalIPv6Address: '',
        MacAddress: '02:42:ac:12:00:02',
      },
    },
  },
}

const ATTACHMENT = {
  network: 'bridge',
  networkId: NETWORK_ID,
  macAddress: '02:42:ac:11:00:02',
  address: '172.17.0.2',
  address6: 'fd00::2',
  aliases: [],
}

describe('a container', () => {
  test('of a list', () => {
    assert.deepEqual(containerList([LISTED]), [
      {
        id: ID,
        name: 'web',
        image: 'nginx:1',
        labels: { 'com.docker.compose.service': 'web' },
        state: 'running',
        networkMode: 'bridge',
        networks: [ATTACHMENT],
        ports: [{ protocol: 'tcp', containerPort: 80, hostAddress: '0.0.0.0', hostPort: 8080 }],
      },
    ])
  })

  test('inspected', () => {
    assert.deepEqual(containerDetails(INSPECTED), {
      id: ID,
      name: 'web',
      image: 'nginx:1',
      labels: { a: 'b' },
      state: 'running',
      networkMode: 'shop_front',
      networks: [
        {
          ...ATTACHMENT,
          network: 'shop_front',
          macAddress: '02:42:ac:12:00:02',
          address: '172.18.0.2',
          address6: '',
          aliases: ['www'],
        },
      ],
      ports: [{ protocol: 'tcp', containerPort: 80, hostAddress: '::', hostPort: 8080 }],
      pid: 16400,
      startedAt: '2026-11-21T07:05:01.631866642Z',
      finishedAt: '2026-11-21T07:04:59.1Z',
      exitCode: 137,
      isOutOfMemory: true,
      exposedPorts: ['80/tcp', '53/udp'],
    })
  })

  const modes: [string, string][] = [
    ['default', 'bridge'],
    ['host', 'host'],
    ['none', 'none'],
    [`container:${ID}`, `container:${ID}`],
    ['shop_front', 'shop_front'],
    [NETWORK_ID, 'shop_front'],
    [NETWORK_ID.slice(0, 12), 'shop_front'],
    ['', ''],
  ]
  for (const [mode, expected] of modes) {
    test(`network mode ${JSON.stringify(mode)}`, () => {
      const details = containerDetails({ ...INSPECTED, HostConfig: { NetworkMode: mode } })
      assert.equal(details?.networkMode, expected)
      assert.equal(details.networks.length, mode.startsWith('container:') ? 0 : 1)
    })
  }

  test("Podman's words", () => {
    const settings = { Networks: { podman: { NetworkID: 'podman', Aliases: [ID.slice(0, 12)] } } }
    const [container] = containerList([{ Id: ID, Names: ['/w'], State: 'stopped', NetworkSettings: settings }])
    assert.equal(container?.state, 'exited')
    assert.equal(container.networkMode, '')
    assert.deepEqual(container.networks, [
      { network: 'podman', networkId: '', macAddress: '', address: '', address6: '', aliases: [] },
    ])
    assert.equal(containerDetails({ Id: ID, State: { Status: 'configured' } })?.state, 'created')
  })

  test('labels that are names of objects', () => {
    const labels = JSON.parse('{"__proto__": "x", "constructor": "y", "toString": "z"}')
    const container = containerDetails({ Id: ID, Config: { Labels: labels } })
    assert.deepEqual(Object.entries(container!.labels), Object.entries(labels))
  })

  test('text stays as it is', () => {
    const [container] = containerList([{ ...LISTED, Names: ['/\u001b[31mred'], Image: 'a\nb' }])
    assert.deepEqual([container!.name, container!.image], ['\u001b[31mred', 'a\nb'])
  })
})

describe('a network', () => {
  const bridge = {
    Id: NETWORK_ID,
    Name: 'shop_front',
    Driver: 'bridge',
    Scope: 'local',
    IPAM: { Config: [{ Subnet: '172.18.0.0/16', Gateway: '172.18.0.1' }, { Subnet: 'fd00::/64' }] },
    Options: {},
  }
  test('all of it', () => {
    assert.deepEqual(networkList([bridge]), [
      {
        id: NETWORK_ID,
        name: 'shop_front',
        driver: 'bridge',
        scope: 'local',
        subnets: ['172.18.0.0/16', 'fd00::/64'],
        gateways: ['172.18.0.1'],
        bridge: 'br-f1b87f6a43ff',
      },
    ])
  })

  const option = { 'com.docker.network.bridge.name': 'br0' }
  const rows: [string, object, string][] = [
    ["Docker's own", { Name: 'bridge' }, 'docker0'],
    ["Docker's own, renamed", { Name: 'bridge', Options: option }, 'br0'],
    ['named by its option', { Options: option }, 'br0'],
    ['no bridge', { Driver: 'macvlan', Options: option }, ''],
    ['host', { Name: 'host', Driver: 'host' }, ''],
    ['no id', { Id: '' }, ''],
  ]
  for (const [title, change, expected] of rows) {
    test(title, () => assert.equal(networkList([{ ...bridge, ...change }])[0]!.bridge, expected))
  }

  test("Podman's", () => {
    const own = podmanNetworks([
      { name: 'podman', id: NETWORK_ID, driver: 'bridge', network_interface: 'podman0' },
      { name: 'vlan', id: 'b'.repeat(64), driver: 'macvlan', network_interface: 'eth0' },
    ])
    const answer = [
      { ...bridge, Name: 'bridge' },
      { ...bridge, Id: 'b'.repeat(64), Name: 'vlan', Driver: 'macvlan' },
      { ...bridge, Id: 'c'.repeat(64), Name: 'unknown' },
    ]
    assert.deepEqual(
      networkList(answer, own).map(({ name, bridge }) => [name, bridge]),
      [
        ['podman', 'podman0'],
        ['vlan', ''],
        ['unknown', ''],
      ],
    )
  })
})

describe('an event', () => {
  const nothing = { name: '', labels: {}, network: '', reason: '' }
  const attributes = { image: 'nginx:1', name: 'web', exitCode: '0', execDuration: '7', a: 'b' }
  const rows: [string, unknown, object | undefined][] = [
    [
      'start',
      { Type: 'container', Action: 'start', Actor: { ID, Attributes: attributes } },
      { ...nothing, kind: 'start', id: ID, name: 'web', labels: { a: 'b' } },
    ],
    [
      'rename',
      { Type: 'container', Action: 'rename', Actor: { ID, Attributes: { name: '/www', oldName: '/web' } } },
      { ...nothing, kind: 'rename', id: ID, name: 'www' },
    ],
    ["Podman's die", { Type: 'container', Action: 'died', Actor: { ID } }, { ...nothing, kind: 'die', id: ID }],
    [
      "Podman's destroy",
      { Type: 'container', Action: 'remove', Actor: { ID } },
      { ...nothing, kind: 'destroy', id: ID },
    ],
    [
      'connect',
      {
        Type: 'network',
        Action: 'connect',
        Actor: { ID: NETWORK_ID, Attributes: { container: ID, name: 'front', type: 'bridge' } },
      },
      { ...nothing, kind: 'connect', id: ID, network: 'front' },
    ],
    [
      "Podman's disconnect",
      { Type: 'network', Action: 'disconnect', Actor: { ID, Attributes: { name: 'web' } } },
      { ...nothing, kind: 'disconnect', id: ID },
    ],
    [
      "newer Podman's",
      { Type: 'network', Action: 'connect', Actor: { ID, Attributes: { name: 'web', network: 'n' } } },
      { ...nothing, kind: 'connect', id: ID, network: 'n' },
    ],
    ['exec', { Type: 'container', Action: 'exec_start: sh', Actor: { ID } }, undefined],
    [
      'network create',
      { Type: 'network', Action: 'create', Actor: { ID: NETWORK_ID, Attributes: { name: 'n' } } },
      { ...nothing, kind: 'network', id: '', network: 'n' },
    ],
    ['image', { Type: 'image', Action: 'start', Actor: { ID } }, undefined],
    ['no id', { Type: 'container', Action: 'start' }, undefined],
    ['an action of an object', { Type: 'container', Action: 'constructor', Actor: { ID } }, undefined],
  ]
  for (const [title, line, expected] of rows) test(title, () => assert.deepEqual(engineEvent(line), expected))
})

describe('the rest', () => {
  test('processes', () => {
    assert.deepEqual(topProcessIds({ Titles: ['PID'], Processes: [['12'], ['345']] }), [12, 345])
    assert.deepEqual(topProcessIds({ Titles: ['UID', 'PID'], Processes: [['root', '7'], ['root'], ['x', '-1']] }), [7])
    assert.deepEqual(topProcessIds({ Titles: ['HPID'], Processes: [['7']] }), [7])
    assert.deepEqual(topProcessIds({ Titles: ['PPID'], Processes: [['7']] }), [])
    assert.deepEqual(topProcessIds({ Titles: ['PID'], Processes: null }), [])
  })

  test('version', () => {
    assert.deepEqual(engineVersion({ Version: '27.1', ApiVersion: '1.46', Os: 'linux' }), {
      product: 'Docker',
      version: '27.1',
      apiVersion: '1.46',
      operatingSystem: 'linux',
    })
    assert.equal(engineVersion({ Components: [{ Name: 'Podman Engine' }] }).product, 'Podman')
  })
})

/** Every leaf and branch of `value`, one at a time, is something else or not there. */
function* oddities(value: unknown, odd: unknown): Generator<unknown> {
  yield odd
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) for (const each of oddities(value[i], odd)) yield value.with(i, each)
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, inner] of Object.entries(value)) {
      for (const each of oddities(inner, odd)) yield { ...value, [name]: each }
    }
  }
}

/** Of the same kinds throughout: what says nothing is '' or 0, never missing. */
function assertWhole(value: unknown): void {
  const numbers = { containerPort: 'number', hostPort: 'number', pid: 'number', exitCode: 'number' }
  const kinds: Record<string, string> = { ...numbers, isOutOfMemory: 'boolean' }
  for (const [name, inner] of Object.entries(value as object)) {
    if (Array.isArray(inner)) for (const each of inner) typeof each === 'string' || assertWhole(each)
    else if (name === 'labels') assert.ok(Object.values(inner).every((each) => typeof each === 'string'))
    else assert.equal(typeof inner, kinds[name] ?? 'string', name)
  }
}

describe('anything may come', () => {
  const event = { Type: 'network', Action: 'connect', Actor: { ID, Attributes: { container: ID, name: 'n' } } }
  const network = {
    Id: 'x',
    Name: 'y',
    Driver: 'bridge',
    IPAM: { Config: [{ Subnet: 's', Gateway: 'g' }] },
    Options: {},
  }
  function checkAll(odd: unknown): void {
    for (const answer of oddities([LISTED], odd)) for (const each of containerList(answer)) assertWhole(each)
    for (const answer of oddities(INSPECTED, odd)) assertWhole(containerDetails(answer) ?? {})
    for (const answer of oddities([network], odd)) {
      for (const each of networkList(answer, podmanNetworks(answer))) assertWhole(each)
    }
    for (const answer of oddities(event, odd)) assertWhole(engineEvent(answer) ?? {})
    for (const answer of oddities({ Titles: ['PID'], Processes: [['1']] }, odd)) {
      assert.ok(topProcessIds(answer).every((pid) => Number.isInteger(pid) && pid > 0))
    }
    assertWhole(engineVersion(odd))
  }

  test('usual oddities', () => {
    for (const odd of [undefined, null, true, 0, -1, 1.5, 1e300, '', 'x', '\0', [], {}, [[]], [null], { a: null }]) {
      checkAll(odd)
    }
  })

  test('and others', () => {
    fc.assert(fc.property(fc.jsonValue({ maxDepth: 2 }), checkAll), { seed: 3, numRuns: 60 })
  })
})

test('tasks of a service on other nodes are counted; no swarm and odd answers count nothing', () => {
  const info = { Swarm: { NodeID: 'here' } }
  const task = (NodeID: unknown, State: unknown) => ({ NodeID, Status: { State } })
  const tasks = [task('here', 'running'), task('there', 'running'), task('there', 'failed'), task(7, 'running'), null]
  assert.equal(countTasksElsewhere(info, tasks), 1)
  assert.equal(countTasksElsewhere({}, tasks), 0)
  assert.equal(countTasksElsewhere(info, 'nothing'), 0)
})
