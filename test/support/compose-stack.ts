// The stack of deploy/ as Compose starts it, with images that need no registry: Debian's own Prometheus, under the name in the
// Compose file, and for Grafana an image that only sleeps. So what Prometheus scrapes, stores and answers is real. Of Grafana
// only the start of its service is tested, not what it draws.

import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { BASE_IMAGE, docker } from './docker.ts'
import { IMAGE } from './image.ts'

export const DEPLOY = join(import.meta.dirname, '../../deploy')
const PROMETHEUS_BINARY = '/usr/bin/prometheus'
const PROMETHEUS = 'http://127.0.0.1:9090'
/** Ports of Prometheus and of tcpflow's metrics; the stand-in for Grafana listens nowhere. */
const PORTS = [9090, 9478]

/** As the image of Prometheus: its program is the entry point, and nobody's. */
const PROMETHEUS_IMAGE = `FROM ${BASE_IMAGE}
COPY prometheus /bin/prometheus
RUN mkdir -p /prometheus && chown nobody /prometheus
USER nobody
WORKDIR /prometheus
ENTRYPOINT ["/bin/prometheus"]
`
const GRAFANA_IMAGE = `FROM ${BASE_IMAGE}
ENTRYPOINT ["sleep", "infinity"]
`

/** What `docker compose` is called here; undefined where there is none. */
function composeCommand(): readonly string[] | undefined {
  if (spawnSync('docker', ['compose', 'version']).status === 0) return ['docker', 'compose']
  return spawnSync('docker-compose', ['version']).status === 0 ? ['docker-compose'] : undefined
}

/** Why the stack cannot be started; undefined when it can. */
export function whyNoStack(): string | undefined {
  if (composeCommand() === undefined) return 'there is no docker compose and no docker-compose'
  const missing = ['prometheus', 'promtool'].filter(
    (name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0,
  )
  if (missing.length > 0) return `${missing.join(', ')} not installed`
  const taken = spawnSync('ss', ['-Hltn'], { encoding: 'utf8' }).stdout
  const inUse = PORTS.find((port) => taken.includes(`:${port} `))
  return inUse === undefined ? undefined : `port ${inUse} is in use`
}

export interface StackOptions {
  /** For TCPFLOW_WHAT. */
  readonly what: string
}

/** Runs until the test ends. Then its containers, volumes and images are removed. */
export class ComposeStack {
  readonly #project: string
  readonly #folder: string
  readonly #env: NodeJS.ProcessEnv
  readonly #madeImages: string[] = []

  constructor(t: TestContext, project: string, { what }: StackOptions) {
    this.#project = project
    this.#folder = mkdtempSync(join(tmpdir(), 'tcpflow-stack-'))
    this.#env = { ...process.env, TCPFLOW_IMAGE: IMAGE, TCPFLOW_WHAT: what, DOCKER_BUILDKIT: '0' }
    t.after(() => this.#down())
    this.#makeImages()
    this.#writeFasterConfiguration()
    // its image is there: this is the build of the Compose file, from the cache
    this.#compose('up', '-d', '--build')
  }

  /** `docker inspect`'s answer of a service. */
  inspect(service: string, format: string): string {
    return docker('inspect', '-f', format, this.#compose('ps', '-q', service).trim())
  }

  logs(service: string): string {
    const { stdout, stderr } = spawnSync('docker', ['logs', this.#compose('ps', '-q', service).trim()], {
      encoding: 'utf8',
    })
    return stdout + stderr
  }

  /** Of Prometheus' HTTP interface; waits for it to be there. */
  async ask<T>(path: string, parameters: Readonly<Record<string, string>> = {}): Promise<T> {
    for (let tries = 0; ; tries++) {
      try {
        const response = await fetch(`${PROMETHEUS}${path}?${new URLSearchParams(parameters)}`)
        const { status, data, error } = (await response.json()) as { status: string; data: T; error?: string }
        if (status === 'success') return data
        throw new Error(`${JSON.stringify(parameters)}: ${error}`)
      } catch (error) {
        if (!(error instanceof TypeError) || tries > 100) throw error
        await sleep(100)
      }
    }
  }

  #makeImages(): void {
    const compose = readFileSync(join(DEPLOY, 'docker-compose.yml'), 'utf8')
    const named = (repository: string): string => new RegExp(`image: (${repository}:\\S+)`).exec(compose)![1]!
    copyFileSync(PROMETHEUS_BINARY, join(this.#folder, 'prometheus'))
    this.#makeImage(named('prom/prometheus'), PROMETHEUS_IMAGE)
    this.#makeImage(named('grafana/grafana'), GRAFANA_IMAGE)
  }

  /** If the real image is here already, it is used and kept. */
  #makeImage(name: string, dockerfile: string): void {
    if (spawnSync('docker', ['image', 'inspect', name]).status === 0) return
    this.#madeImages.push(name)
    writeFileSync(join(this.#folder, 'Dockerfile'), dockerfile)
    this.#run(['docker', 'build', '-q', '-t', name, this.#folder])
  }

  /** The same files with a shorter interval, so that the test need not wait for four scrapes of 15 seconds each. */
  #writeFasterConfiguration(): void {
    const folder = join(this.#folder, 'configuration')
    mkdirSync(folder)
    const text = readFileSync(join(DEPLOY, 'prometheus/prometheus.yml'), 'utf8')
    writeFileSync(join(folder, 'prometheus.yml'), text.replaceAll('_interval: 15s', '_interval: 1s'))
    copyFileSync(join(DEPLOY, 'prometheus/alerts.yml'), join(folder, 'alerts.yml'))
    const override = { services: { prometheus: { volumes: [`${folder}:/etc/prometheus:ro`] } } }
    writeFileSync(join(this.#folder, 'override.yml'), JSON.stringify(override))
    this.#run(['chmod', '-R', 'a+rX', this.#folder])
  }

  #compose(...args: string[]): string {
    const files = ['-f', join(DEPLOY, 'docker-compose.yml'), '-f', join(this.#folder, 'override.yml')]
    return this.#run([...composeCommand()!, '-p', this.#project, ...files, ...args])
  }

  #run([command, ...args]: readonly string[]): string {
    const options = { encoding: 'utf8', env: this.#env, timeout: 120_000 } as const
    const { status, stdout, stderr, error } = spawnSync(command!, args, options)
    if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? ''}${stdout}${stderr}`)
    return stdout
  }

  #down(): void {
    try {
      this.#compose('down', '-v', '-t', '5')
    } finally {
      for (const name of this.#madeImages) spawnSync('docker', ['rmi', '-f', name])
      rmSync(this.#folder, { recursive: true, force: true })
    }
  }
}
