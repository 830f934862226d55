// Flags that name containers instead of interfaces.

import type { Flag } from '../flag.ts'
import { parseChoice } from '../quantities.ts'

const WAYS = ['veth', 'bridge', 'netns', 'sidecar'] as const
const group = 'Containers'

export const CONTAINER_FLAGS: readonly Flag[] = [
  {
    name: 'container',
    shorts: '',
    group,
    argument: { label: 'NAME', kind: 'container' },
    help: 'Capture this container, wherever it is and across restarts: by name, id, the beginning of the id, or a pattern with * and ?; may be repeated. "tcpflow containers" lists them.',
    apply: (s, value) => s.containers.push(value),
  },
  {
    name: 'service',
    shorts: '',
    group,
    argument: { label: 'NAME', kind: 'none' },
    help: 'Capture all containers of this Compose or Swarm service, as they come and go; may be repeated.',
    apply: (s, value) => s.services.push(value),
  },
  {
    name: 'label',
    shorts: '',
    group,
    argument: { label: 'KEY[=VALUE]', kind: 'none' },
    help: 'Capture all containers with this label; may be repeated.',
    apply: (s, value) => s.labels.push(value),
  },
  {
    name: 'network',
    shorts: '',
    group,
    argument: { label: 'NAME', kind: 'none' },
    help: 'Capture everything on this Docker network. With one of the flags above: capture only what those containers say on this network. May be repeated.',
    apply: (s, value) => s.networks.push(value),
  },
  {
    name: 'wait',
    shorts: '',
    group,
    help: 'Wait for the containers if they do not run yet.',
    apply: (s) => {
      s.wait = true
    },
  },
  {
    name: 'via',
    shorts: '',
    group,
    argument: { label: 'WAY', kind: 'none', choices: WAYS },
    help: "Where to capture: at the host's end of the container's veth pair (veth), on its network's bridge (bridge), inside its network namespace (netns), or from a short-lived container beside it (sidecar). Default: tcpflow chooses.",
    apply: (s, value, flag) => {
      s.via = parseChoice(value, flag, WAYS)
    },
  },
  {
    name: 'sidecar-image',
    shorts: '',
    group,
    argument: { label: 'IMAGE', kind: 'none' },
    help: 'The image of the sidecar; default: the one that tcpflow runs from, else tcpflow.',
    apply: (s, value) => {
      s.sidecarImage = value
    },
  },
  {
    name: 'docker-host',
    shorts: '',
    group,
    argument: { label: 'URL', kind: 'none' },
    help: 'The container engine: unix:///path, tcp://host:port, ssh://user@host. Default: DOCKER_HOST, then the docker context, then the sockets of Docker and Podman.',
    apply: (s, value) => {
      s.dockerHost = value
    },
  },
]
