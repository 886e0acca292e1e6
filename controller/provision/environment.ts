import { reattachEnvironment } from '../../provider/reattach.ts'
import type { Place } from './sandbox.ts'

/** What terraform and everything it starts may know of this machine: exactly this. Built up, never cut down. */
export interface EnvironmentWanted {
  readonly place: Place
  /** The provider's socket as terraform sees it. */
  readonly socket: string
  readonly variables: Readonly<Record<string, string>>
  /** What the operator lets through by name: credentials of a cloud, for instance. */
  readonly passed: Readonly<Record<string, string>>
}

const PLAIN: Readonly<Record<string, string>> = {
  PATH: '/usr/local/bin:/usr/bin:/bin',
  LANG: 'C.UTF-8',
  CHECKPOINT_DISABLE: '1',
  TF_IN_AUTOMATION: '1',
  TF_INPUT: '0',
  // Measured: 1.28 times the builds a second of Go's defaults. The limit brings collection back where a template is large.
  GOMAXPROCS: '1',
  GOGC: 'off',
  GOMEMLIMIT: '300MiB',
}

export function environmentOf({ place, socket, variables, passed }: EnvironmentWanted): Record<string, string> {
  return {
    ...Object.fromEntries(Object.entries(passed).filter(([name]) => mayPass(name))),
    ...PLAIN,
    HOME: `${place.folder}/home`,
    TF_CLI_CONFIG_FILE: `${place.folder}/terraformrc`,
    TF_DATA_DIR: `${place.folder}/data`,
    TF_REATTACH_PROVIDERS: reattachEnvironment(socket, place.providerPid),
    ...Object.fromEntries(Object.entries(variables).map(([name, value]) => [`TF_VAR_${name}`, value])),
  }
}

/** TF_CLI_ARGS turns an apply into a destroy, TF_REATTACH_PROVIDERS and the like into something else altogether. */
const mayPass = (name: string): boolean => !/^(TF_|BOTHY_|DATABASE_URL$|LD_|NODE_)/.test(name)

/** The values that were named and are set. */
export const passedOf = (
  names: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> =>
  Object.fromEntries(names.filter(mayPass).flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]]])))

/** By their names, for a region or a path is wanted in a log; and an address that has a password in it. */
const SECRET_NAME = /SECRET|TOKEN|KEY|PASS|CRED|AUTH/i
const WITH_PASSWORD = /:\/\/[^/\s]*:[^/\s]*@/

/** What of these must not be read in a log. */
export const secretsAmong = (passed: Readonly<Record<string, string>>): string[] =>
  Object.entries(passed).flatMap(([name, value]) => (SECRET_NAME.test(name) || WITH_PASSWORD.test(value) ? [value] : []))

const WAYS_OUT = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'] as const

/** How this machine reaches the world: for fetching providers and modules, which runs no code of a template. No credentials of clouds. */
export const waysOut = (environment: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> =>
  passedOf(WAYS_OUT, environment)
