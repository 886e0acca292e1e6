import type { Clock } from '../controller/kernel/clock.ts'
import { holderOf } from '../controller/state.ts'
import { planeClient, type Client } from './client.ts'
import { namedEndpoint, nothingRuns, standaloneEndpoint, type Given } from './endpoint.ts'
import type { Environment } from './environment.ts'
import { failureOf } from './refusal.ts'

/**
 * Where this program talks to. Two homes with one surface: a control plane that keeps the objects itself, or a cluster whose
 * API server does. In this order:
 *
 *   --context, --kubeconfig    BOTHY_URL    a standalone that runs here    the current kubeconfig
 *
 * As `kubectl bothy` the current kubeconfig comes before the standalone: whoever types kubectl means a cluster.
 */
export interface Home {
  /** Where a command works that names none. */
  readonly namespace: string
  /** What says the same to a program that is started from here; empty: the environment does. */
  readonly flags: readonly string[]
  /** Throws `Failure` where there is none. */
  client(): Client
}

/** What is wrong with it is said when somebody needs it: `--help` and what works offline do not. */
export async function findHome(environment: Environment, given: Given, clock: Clock): Promise<Home> {
  try {
    return await homeOf(environment, given, clock)
  } catch (error) {
    const failure = failureOf(error)
    return {
      namespace: 'default',
      flags: [],
      client() {
        throw failure
      },
    }
  }
}

async function homeOf(environment: Environment, given: Given, clock: Clock): Promise<Home> {
  const cluster = async (): Promise<Home> => (await import('./cluster/home.ts')).clusterHome(environment, given, clock)
  if (given.context !== null || given.kubeconfig !== null) return cluster()
  if (namedEndpoint(environment, given)) return plane(environment, () => namedEndpoint(environment, given))
  const inKubeconfig = environment.hasKubeconfig()
  if (inKubeconfig && (environment.isPlugin || !runsHere(environment))) return cluster()
  return plane(environment, () => standaloneEndpoint(environment, given))
}

/**
 * A state folder that somebody named is meant, also while nothing runs there. Else its process is asked for, not its port:
 * one that was ended leaves its url behind, where another control plane may listen by now.
 */
const runsHere = ({ stateIsNamed, stateDir }: Environment): boolean => stateIsNamed || Boolean(holderOf(stateDir)?.url)

function plane(environment: Environment, find: () => ReturnType<typeof namedEndpoint>): Home {
  const client = planeClient(environment, async () => {
    const found = find()
    if (found) return found
    throw nothingRuns(environment)
  })
  return { namespace: 'default', flags: [], client: () => client }
}
