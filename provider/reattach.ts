/** How a terraform finds the provider that is already running: the value of TF_REATTACH_PROVIDERS. */

const HOSTS = ['registry.terraform.io', 'registry.opentofu.org'] as const
const SOURCES = ['bothy/bothy', 'coder/coder'] as const

/** Every address this provider answers to; a template names one or both. */
export const PROVIDER_ADDRESSES: readonly string[] = HOSTS.flatMap((host) => SOURCES.map((source) => `${host}/${source}`))

/**
 * Both names reach the same socket, and each serves the whole table. A connection does not say by which name it was made, and
 * need not: terraform picks the provider by a type's prefix, so `coder_agent` goes to `coder` and `bothy_process` to
 * `bothy`, and the types of the other prefix lie there unused. One socket stays one build.
 *
 * `pid` is the provider's process as terraform sees it: 1 inside a pid namespace of its own.
 */
export function reattachEnvironment(socketPath: string, pid: number): string {
  // Test: true means "not yours to end"; terraform panics at its end without it.
  const provider = { Protocol: 'grpc', ProtocolVersion: 6, Pid: pid, Test: true, Addr: { Network: 'unix', String: socketPath } }
  return JSON.stringify(Object.fromEntries(PROVIDER_ADDRESSES.map((address) => [address, provider])))
}
