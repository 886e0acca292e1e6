/** Full addresses of the providers of everything in a state. */
export function providersInState(state: Buffer | null): string[] {
  // Most states name only ours: looking for the words is cheaper than reading all of it a second time.
  if (!state?.includes('provider[')) return []
  const found = new Set<string>()
  for (const resource of resourcesOf(state)) {
    const address = /^(?:module\..*\.)?provider\["([^"]+)"\]/.exec(resource)?.[1]
    if (address) found.add(address)
  }
  return [...found]
}

function resourcesOf(state: Buffer): string[] {
  try {
    const value: unknown = JSON.parse(state.toString('utf8'))
    const resources = typeof value === 'object' && value !== null && 'resources' in value ? value.resources : []
    return Array.isArray(resources) ? resources.flatMap(providerOf) : []
  } catch {
    return []
  }
}

const providerOf = (resource: unknown): string[] =>
  typeof resource === 'object' && resource !== null && 'provider' in resource && typeof resource.provider === 'string'
    ? [resource.provider]
    : []
