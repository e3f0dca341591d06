import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { isAborted, systemClock } from '../base/index.ts'
import type { HttpsClient } from '../client/index.ts'
import { readConfig } from '../config.ts'
import { DEFAULT_NETWORK, LINK_MODES } from '../kube/index.ts'
import { VERSION } from '../version.ts'
import type { AgentFlags } from './agent.ts'
import type { ConnectOptions } from './connect.ts'
import { EXIT, Exit, exitCodeOf, explain } from './exit-code.ts'
import type { FollowOptions } from './follow/follow-commit.ts'
import type { ServerFlags } from './server.ts'
import { createTerminal, type Terminal } from './terminal.ts'
import { createToken, deleteToken, listTokens } from './token.ts'
import type { UpFlags } from './up.ts'
import type { ClaimName } from './volume.ts'

type Output = 'text' | 'json'

/**
 * Parses the command line, runs the command, and answers with the exit code. Never throws. What a command needs is loaded when
 * it runs: an agent carries neither the store nor git.
 */
export async function runCli(argv: readonly string[]): Promise<number> {
  const terminal = createTerminal({
    stdout: process.stdout,
    stderr: process.stderr,
    noColor: readConfig().noColor,
  })
  const stop = stopOnSignals(terminal)
  try {
    const code = await runCommand(argv, terminal, stop.signal)
    const { loss } = terminal
    // What is asked to end, as a server is, has answered long ago.
    if (loss === undefined || code !== EXIT.ok || stop.signal.aborted) return code
    terminal.note(`error: Cannot write the answer: ${loss.message}`)
    return EXIT.failed
  } finally {
    stop.dispose()
  }
}

/** The same with a terminal and an end of the caller's. `argv` begins with two words that are passed over. */
export async function runCommand(
  argv: readonly string[],
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  try {
    await buildProgram(terminal, signal).parseAsync([...argv])
    return EXIT.ok
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    if (!(error instanceof Exit) && !isAborted(error)) terminal.note(explain(error))
    return exitCodeOf(error)
  }
}

function buildProgram(terminal: Terminal, signal: AbortSignal): Command {
  const program = new Command('bowline')
    .description('Keeps a fleet of container hosts equal to a Git repository of Kubernetes manifests.')
    .version(VERSION, '-V, --version')
    .exitOverride()
    .configureOutput({
      writeOut: text => terminal.print(text.trimEnd()),
      writeErr: text => terminal.note(text.trimEnd()),
    })
    .showHelpAfterError('(bowline help shows the commands)')
  addServices(program, terminal, signal)
  addReaders(program, terminal, signal)
  addHosts(program, terminal, signal)
  addTokens(program, terminal)
  addVolumes(program, terminal, signal)
  return program
}

function addServices(program: Command, terminal: Terminal, signal: AbortSignal): void {
  withIngressFlags(
    withServerFlags(
      program
        .command('up')
        .description('run a server and the agents of this machine, following a repository'),
    ),
  )
    .argument('[dir]', 'the repository (or a folder in it) to follow', undefined)
    .addOption(
      new Option('--runtime <name>', 'what runs containers')
        .choices(['auto', 'docker', 'process'])
        .default('auto'),
    )
    .option('--nodes <n>', "nodes that share this machine's capacity", wholeNumber, 1)
    .option('--volume-dir <dir>', 'where the folders of volumes are (default: volumes in the data folder)')
    .option('--docker-socket <path>', "the engine's socket")
    .addOption(allowHostOption())
    .addOption(pidsLimitOption())
    .option('--stop-containers', 'stop and remove the containers when the server stops')
    .action(async (dir: string | undefined, flags: UpFlags) =>
      (await import('./up.ts')).runUpCommand(dir, flags, terminal, signal),
    )
  withServerFlags(program.command('server').description('run the server alone')).action(
    async (flags: ServerFlags) => (await import('./server.ts')).runServerCommand(flags, terminal, signal),
  )
  withIngressFlags(program.command('agent').description('run the agent of this host'))
    .requiredOption('--server <url>', "the server's address, https://host:port")
    .option('--token-file <file>', 'the join token; needed only for the first start')
    .option('--node-name <name>', "the name of this host in the cluster (default: the machine's)")
    .addOption(
      new Option('--runtime <name>', 'what runs containers')
        .choices(['auto', 'docker', 'process'])
        .default('auto'),
    )
    .option('--data-dir <dir>', 'where the agent keeps its certificate and volumes')
    .option('--volume-dir <dir>', 'where the folders of volumes are (default: volumes in the data folder)')
    .option('--docker-socket <path>', "the engine's socket")
    .addOption(allowHostOption())
    .addOption(pidsLimitOption())
    .option(
      '--secrets-key-file <file>',
      "the key of the Secrets kept on disk (default: derived from the node's private key)",
    )
    .option('--capacity-share <n>', "how many agents share this machine's capacity", wholeNumber, 1)
    .addOption(logLevelOption())
    .action(async (flags: AgentFlags) => (await import('./agent.ts')).runAgentCommand(flags, signal))
}

function withIngressFlags(command: Command): Command {
  return command
    .option('--ingress-http-port <port>', 'where ingresses are served', portNumber, 80)
    .option('--ingress-https-port <port>', 'where ingresses are served by TLS', portNumber, 443)
    .option('--no-ingress', 'serve no ingress on this host')
}

const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory'

function withServerFlags(command: Command): Command {
  return command
    .option('--repo <path or url>', 'the repository to follow')
    .option('--branch <name>', 'the branch to follow (default: the repository’s current one, or main)')
    .option('--path <folder>', 'the folder of the manifests in the repository')
    .option('--credentials-file <file>', 'lines https://user:password@host for the repository')
    .option('--data-dir <dir>', 'where everything is kept')
    .option('--listen <host:port>', 'the address of the API', '127.0.0.1:6443')
    .option('--advertise <host[:port]>', 'the name or address by which agents and kubectl reach the server')
    .option('--pod-cidr <network>', 'the addresses of pods, a /24 a host', DEFAULT_NETWORK.podCidr)
    .option('--service-cidr <network>', 'the addresses of Services', DEFAULT_NETWORK.serviceCidr)
    .option(
      '--service-external-ips <networks>',
      'where the externalIPs of Services may be, with commas between them (default: nowhere)',
    )
    .option('--cluster-domain <name>', 'the end of names inside the cluster', DEFAULT_NETWORK.clusterDomain)
    .addOption(
      new Option('--network <way>', 'how hosts reach the pods of other hosts')
        .choices([...LINK_MODES])
        .default(DEFAULT_NETWORK.links),
    )
    .option('--acme-email <address>', 'get certificates of ingresses that ask for one by ACME, in this name')
    .option('--acme-directory <url>', 'the authority that is asked', LETS_ENCRYPT)
    .option('--acme-ca-file <file>', 'a root by which that authority proves itself, beside the public ones')
    .option('--audit-log', 'keep who wrote what over the API in api-audit.log of the data folder')
    .addOption(logLevelOption())
}

/** One word each time: more would take the folder of `bowline up` for another one. */
function allowHostOption(): Option {
  return new Option(
    '--allow-host <what>',
    'a host folder that pods may mount, `privileged`, `capability:NAME` or `docker-volume:NAME`; may be given again; nothing in Git can grant it',
  ).argParser((word: string, before: readonly string[] = []) => [...before, word])
}

/** By default more than programs need that are well, and a fraction of what exhausts a host. */
function pidsLimitOption(): Option {
  return new Option(
    '--pids-limit <n>',
    'how many processes and threads a container may have; 0: as many as the host can have',
  )
    .argParser((text: string) => (text === '0' ? 0 : wholeNumber(text)))
    .default(4096)
}

function logLevelOption(): Option {
  return new Option('--log-level <level>').choices(['debug', 'info', 'warn', 'error']).default('info')
}

function addReaders(program: Command, terminal: Terminal, signal: AbortSignal): void {
  connected(program.command('plan').description('what a revision would change (exit code 2: something)'))
    .argument('[rev]', 'a commit, branch or tag of the repository here', 'HEAD')
    .addOption(outputOption())
    .action((rev: string, flags: ConnectOptions & { output: Output }) =>
      withClient(flags, async client =>
        (await import('./plan.ts')).showPlan(client, terminal, await resolveLocally(rev), flags.output),
      ),
    )
  connected(
    program.command('follow').description('what a commit does, until its apps are healthy, failed or held'),
  )
    .argument('[rev]', 'a commit, branch or tag of the repository here', 'HEAD')
    .option('--deadline <seconds>', 'how long to wait', wholeNumber, 600)
    .action((rev: string, flags: ConnectOptions & { deadline: number }) =>
      withClient(flags, async client => {
        const commit = await resolveLocally(rev)
        return follow({ client, terminal, commit, deadlineMs: flags.deadline * 1_000, signal })
      }),
    )
  connected(program.command('status').description('every app and every host'))
    .addOption(outputOption())
    .action((flags: ConnectOptions & { output: Output }) =>
      withClient(flags, async client =>
        (await import('./status.ts')).showStatus(client, terminal, {
          clock: systemClock,
          output: flags.output,
        }),
      ),
    )
  connected(program.command('history').description('what every commit did, newest first'))
    .argument('[app]', 'only this app')
    .option('--limit <n>', 'at most so many records', wholeNumber, 30)
    .addOption(outputOption())
    .action((app: string | undefined, flags: ConnectOptions & { limit: number; output: Output }) =>
      withClient(flags, async client =>
        (await import('./history.ts')).showHistory(client, terminal, {
          ...(app === undefined ? {} : { app }),
          limit: flags.limit,
          output: flags.output,
        }),
      ),
    )
  connected(program.command('show').description('one record in full, or all of a commit'))
    .argument('<commit or record>', 'a commit, branch or tag of the repository here, or the name of a record')
    .addOption(outputOption())
    .action((wanted: string, flags: ConnectOptions & { output: Output }) =>
      withClient(flags, async client =>
        (await import('./history.ts')).showRecords(client, terminal, {
          ...{ wanted, output: flags.output },
          resolve: revision => resolveLocally(revision).catch(() => undefined),
        }),
      ),
    )
  const audit = program.command('audit').description('check or take away the records')
  connected(audit.command('verify').description('check every hash chain'))
    .argument('[app]')
    .action((app: string | undefined, flags: ConnectOptions) =>
      withClient(flags, async client => (await import('./history.ts')).verifyRecords(client, terminal, app)),
    )
  connected(audit.command('export').description('every record as a JSON line'))
    .argument('[app]')
    .action((app: string | undefined, flags: ConnectOptions) =>
      withClient(flags, async client => (await import('./history.ts')).exportRecords(client, terminal, app)),
    )
  connected(program.command('rollback').description('commit the revert of a commit, push it and follow it'))
    .argument('[rev]', 'the commit to revert', 'HEAD')
    .option('--deadline <seconds>', 'how long to follow', wholeNumber, 600)
    .action((rev: string, flags: ConnectOptions & { deadline: number }) =>
      withClient(flags, async client => {
        const { revertCommit } = await import('./rollback.ts')
        const commit = await revertCommit(client, terminal, rev, signal)
        return follow({ client, terminal, commit, deadlineMs: flags.deadline * 1_000, signal })
      }),
    )
  connected(program.command('kubeconfig').description('print the kubeconfig of this server')).action(
    async (flags: ConnectOptions) => {
      const { kubeconfigPath } = await import('./connect.ts')
      const { printKubeconfig } = await import('./kubeconfig.ts')
      await printKubeconfig(kubeconfigPath(flags), terminal)
    },
  )
  connected(program.command('version').description('the versions of this command and of the server')).action(
    async (flags: ConnectOptions) => (await import('./version.ts')).showVersion(flags, terminal),
  )
}

function addHosts(program: Command, terminal: Terminal, signal: AbortSignal): void {
  const host = program.command('host').description('the hosts of the cluster')
  connected(host.command('list').description('every host, what it carries, and why it is not ready'))
    .addOption(outputOption())
    .action((flags: ConnectOptions & { output: Output }) =>
      withClient(flags, async client =>
        (await import('./host/list.ts')).listHosts(client, terminal, {
          clock: systemClock,
          output: flags.output,
        }),
      ),
    )
  connected(
    host.command('drain').description('empty a host: no new pods, and those it has are replaced elsewhere'),
  )
    .argument('<host>')
    .option('--timeout <seconds>', 'how long to wait until it is empty', wholeNumber, 600)
    .option('--force', 'delete pods too that nothing replaces, or whose data lies on the host')
    .action((name: string, flags: ConnectOptions & { timeout: number; force?: boolean }) =>
      withClient(flags, async client =>
        (await import('./host/drain.ts')).drainHost({
          ...{ client, terminal, signal, name, clock: systemClock },
          timeoutMs: flags.timeout * 1_000,
          force: flags.force === true,
        }),
      ),
    )
  connected(host.command('uncordon').description('let a host take pods again'))
    .argument('<host>')
    .action((name: string, flags: ConnectOptions) =>
      withClient(flags, async client =>
        (await import('./host/cordon.ts')).uncordonHost(client, terminal, name),
      ),
    )
  connected(
    host.command('remove').description('take a host out of the cluster; its certificate counts no more'),
  )
    .argument('<host>')
    .option('--force', 'also one that is ready and has pods')
    .action((name: string, flags: ConnectOptions & { force?: boolean }) =>
      withClient(flags, async client =>
        (await import('./host/remove.ts')).removeHost(client, terminal, {
          name,
          force: flags.force === true,
        }),
      ),
    )
}

function addTokens(program: Command, terminal: Terminal): void {
  const token = program.command('token').description('join tokens for agents')
  connected(token.command('create').description('print a new token; it is shown only once'))
    .option('--ttl <hours>', 'how long it can be used', wholeNumber, 24)
    .option('--single-use', 'good for one node only')
    .option('--description <text>')
    .action((flags: ConnectOptions & { ttl: number; singleUse?: boolean; description?: string }) =>
      withClient(flags, client => createToken(client, terminal, flags)),
    )
  connected(token.command('list').description('the tokens, without their secrets')).action(
    (flags: ConnectOptions) => withClient(flags, client => listTokens(client, terminal)),
  )
  connected(token.command('delete').description('revoke a token'))
    .argument('<id>')
    .action((id: string, flags: ConnectOptions) =>
      withClient(flags, client => deleteToken(client, terminal, id)),
    )
}

function addVolumes(program: Command, terminal: Terminal, signal: AbortSignal): void {
  const volume = program.command('volume').description('the volumes of claims, and where they are')
  type ClaimFlags = ConnectOptions & { readonly namespace: string }
  /** A command about one claim. */
  function about(name: string, description: string): Command {
    return connected(volume.command(name).description(description))
      .argument('<claim>', 'its name, or namespace/name')
      .option('-n, --namespace <name>', 'where the claim is', 'default')
  }
  function run(
    flags: ClaimFlags,
    text: string,
    action: (
      commands: typeof import('./volume.ts'),
      client: HttpsClient,
      claim: ClaimName,
    ) => Promise<number>,
  ): Promise<void> {
    return withClient(flags, async client => {
      const commands = await import('./volume.ts')
      return action(commands, client, commands.claimNameOf(text, flags.namespace))
    })
  }
  connected(volume.command('list').description('every claim, its host, its size and its pods'))
    .option('-n, --namespace <name>', 'only this namespace')
    .addOption(outputOption())
    .action((flags: ConnectOptions & { namespace?: string; output: Output }) =>
      withClient(flags, async client =>
        (await import('./volume.ts')).listVolumes(client, terminal, {
          namespace: flags.namespace,
          output: flags.output,
        }),
      ),
    )
  about('move', 'stop its pods, copy it to another host, compare, and start them there; the original is kept')
    .requiredOption('--to <host>', 'the host')
    .option('--confirm', 'put the original aside as soon as the move is done')
    .action((claim: string, flags: ClaimFlags & { to: string; confirm?: boolean }) =>
      run(flags, claim, (commands, client, name) =>
        commands.moveVolume(client, terminal, {
          claim: name,
          to: flags.to,
          confirm: flags.confirm === true,
          clock: systemClock,
          signal,
        }),
      ),
    )
  about('confirm', 'the moved volume is well: its original may go').action(
    (claim: string, flags: ClaimFlags) =>
      run(flags, claim, (commands, client, name) => commands.confirmMove(client, terminal, name)),
  )
  about('cancel', 'end a move that has not bound its copy yet').action((claim: string, flags: ClaimFlags) =>
    run(flags, claim, (commands, client, name) => commands.cancelMove(client, terminal, name)),
  )
  about('snapshot', 'copy it as it is at one moment, on its host').action(
    (claim: string, flags: ClaimFlags) =>
      run(flags, claim, (commands, client, name) => commands.takeSnapshot(client, terminal, name)),
  )
  about('snapshots', 'the copies that its host has').action((claim: string, flags: ClaimFlags) =>
    run(flags, claim, (commands, client, name) => commands.listSnapshots(client, terminal, name)),
  )
  about('restore', 'make a new claim that begins with a snapshot')
    .requiredOption('--snapshot <id>', 'which one')
    .requiredOption('--as <name>', 'the name of the new claim')
    .action((claim: string, flags: ClaimFlags & { snapshot: string; as: string }) =>
      run(flags, claim, (commands, client, name) =>
        commands.restoreSnapshot(client, terminal, { claim: name, snapshot: flags.snapshot, as: flags.as }),
      ),
    )
}

function connected(command: Command): Command {
  return command
    .option('--kubeconfig <file>', 'how to reach the server')
    .option('--data-dir <dir>', "the server's data directory, when it is on this machine")
}

function outputOption(): Option {
  return new Option('-o, --output <format>').choices(['text', 'json']).default('text')
}

/** Follows a commit; whether a newer one has it in its history is asked of the repository here. */
async function follow(options: Omit<FollowOptions, 'clock' | 'isPartOf'>): Promise<number> {
  const { followCommit } = await import('./follow/follow-commit.ts')
  const { isPartOfLocally } = await import('../repository.ts')
  return followCommit({ ...options, clock: systemClock, isPartOf: isPartOfLocally })
}

/** The full id of a commit of the repository around the current folder. */
async function resolveLocally(revision: string): Promise<string> {
  const { localCommit } = await import('../repository.ts')
  return localCommit(revision)
}

/** Runs a command with a client and ends it with the code that it answers. */
async function withClient(
  options: ConnectOptions,
  run: (client: HttpsClient) => Promise<number>,
): Promise<void> {
  const { connect } = await import('./connect.ts')
  const client = await connect(options)
  try {
    const code = await run(client)
    if (code !== EXIT.ok) throw new Exit(code)
  } finally {
    await client.close()
  }
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('Expected a whole number from 1.')
  return value
}

function portNumber(text: string): number {
  const value = wholeNumber(text)
  if (value > 65_535) throw new InvalidArgumentError('Expected a port, at most 65535.')
  return value
}

/** The first SIGINT or SIGTERM asks everything to end; the second ends the process. */
function stopOnSignals(terminal: Terminal): { readonly signal: AbortSignal; dispose(): void } {
  const controller = new AbortController()
  function onSignal(): void {
    if (controller.signal.aborted) process.exit(130)
    if (terminal.isTerminal) terminal.note('stopping; once more to stop at once')
    controller.abort()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return {
    signal: controller.signal,
    dispose() {
      process.off('SIGINT', onSignal)
      process.off('SIGTERM', onSignal)
    },
  }
}
