import type { Clock } from '../controller/kernel/clock.ts'
import * as calls from './calls.ts'
import type { Host } from './port.ts'
import { SCHEMA_RESPONSE } from './schema/message.ts'
import { problem } from './schema/rules.ts'
import { openSession, type Build, type Session } from './session.ts'
import { diagnosticMessage, pathMessage } from './wire/diagnostics.ts'
import { serveGrpc, type GrpcServer, type Method, type Tls } from './wire/grpc.ts'
import * as wire from './wire/tfplugin6.ts'
import { decodeValue, encodeValue, parseValue, type Value } from './wire/values.ts'

type Call = Method<Session>

const valueOf = (dynamic: wire.DynamicValue | null): Value => {
  if (!dynamic) return null
  return dynamic.msgpack.byteLength > 0
    ? decodeValue(dynamic.msgpack)
    : dynamic.json.byteLength > 0
      ? parseValue(Buffer.from(dynamic.json).toString())
      : null
}
const dynamicOf = (value: Value): wire.DynamicValue => ({ msgpack: encodeValue(value), json: new Uint8Array() })

const validateConfig =
  (kind: 'resource' | 'data'): Call =>
  async (request) => {
    const { typeName, config } = wire.validateConfig.request.decode(request)
    const diagnostics = await calls.validateEntry(kind, typeName, valueOf(config))
    return wire.validateConfig.response.encode({ diagnostics: diagnostics.map(diagnosticMessage) })
  }

const METHODS: Readonly<Record<string, Call>> = {
  GetProviderSchema: async () => SCHEMA_RESPONSE,

  async ValidateProviderConfig(request) {
    const diagnostics = await calls.validateProvider(valueOf(wire.validateProviderConfig.request.decode(request).config))
    return wire.validateProviderConfig.response.encode({ diagnostics: diagnostics.map(diagnosticMessage) })
  },

  ValidateResourceConfig: validateConfig('resource'),
  ValidateDataResourceConfig: validateConfig('data'),

  async ConfigureProvider(request, session) {
    const diagnostics = await calls.configure(valueOf(wire.configureProvider.request.decode(request).config), session)
    return wire.configureProvider.response.encode({ diagnostics: diagnostics.map(diagnosticMessage) })
  },

  async UpgradeResourceState(request) {
    const { typeName, rawState } = wire.upgradeResourceState.request.decode(request)
    const { state, diagnostics } = await calls.upgradeState(typeName, rawState ? parseValue(Buffer.from(rawState.json).toString()) : null)
    return wire.upgradeResourceState.response.encode({ upgradedState: dynamicOf(state), diagnostics: diagnostics.map(diagnosticMessage) })
  },

  async ReadDataSource(request, session) {
    const { typeName, config } = wire.readDataSource.request.decode(request)
    const { state, diagnostics } = await calls.readData(typeName, valueOf(config), session)
    return wire.readDataSource.response.encode({ state: dynamicOf(state), diagnostics: diagnostics.map(diagnosticMessage) })
  },

  async ReadResource(request, session) {
    const { typeName, currentState, private: secret } = wire.readResource.request.decode(request)
    const read = await calls.readResource(typeName, { state: valueOf(currentState), secret }, session)
    return wire.readResource.response.encode({
      newState: dynamicOf(read.state),
      private: read.secret,
      diagnostics: read.diagnostics.map(diagnosticMessage),
    })
  },

  async PlanResourceChange(request, session) {
    const asked = wire.planResourceChange.request.decode(request)
    const before = { state: valueOf(asked.priorState), secret: asked.priorPrivate }
    const plan = await calls.planResource(asked.typeName, before, valueOf(asked.proposedNewState), valueOf(asked.config), session)
    return wire.planResourceChange.response.encode({
      plannedState: dynamicOf(plan.state),
      plannedPrivate: plan.secret,
      requiresReplace: plan.replaces.map(pathMessage),
      diagnostics: plan.diagnostics.map(diagnosticMessage),
      // Optional attributes with defaults that are not computed: terraform takes them only from providers of this kind.
      legacyTypeSystem: true,
    })
  },

  async ApplyResourceChange(request, session) {
    const asked = wire.applyResourceChange.request.decode(request)
    const planned = { state: valueOf(asked.plannedState), secret: asked.plannedPrivate }
    const applied = await calls.applyResource(asked.typeName, valueOf(asked.priorState), planned, session)
    return wire.applyResourceChange.response.encode({
      newState: dynamicOf(applied.state),
      private: applied.secret,
      diagnostics: applied.diagnostics.map(diagnosticMessage),
      legacyTypeSystem: true,
    })
  },

  async ImportResourceState(request) {
    const { typeName } = wire.importResourceState.request.decode(request)
    const refused = problem([], 'Nothing to import', `A ${typeName} belongs to one workspace and is made with it; it cannot be imported.`)
    return wire.importResourceState.response.encode({ diagnostics: [diagnosticMessage(refused)] })
  },

  async StopProvider(_, session) {
    session.stopping.abort()
    return wire.stopProvider.response.encode({})
  },
}

const BY_PATH: ReadonlyMap<string, Call> = new Map(Object.entries(METHODS).map(([name, call]) => [`/${wire.SERVICE}/${name}`, call]))

/** What a provider that terraform launched has beside the provider itself. */
export interface Plugin {
  readonly methods: ReadonlyMap<string, Method<unknown>>
  readonly held: ReadonlySet<string>
  readonly tls?: Tls
  readonly connected: () => void
  readonly gone: () => void
}

export interface ServeOptions {
  readonly clock: Clock
  readonly plugin?: Plugin
}

/** Serves one build on a socket of its own; the file is 0600 and goes when the server is closed. */
export function serveProvider(host: Host, socketPath: string, { clock, plugin }: ServeOptions): Promise<GrpcServer> {
  const build: Build = { clock, held: new Set() }
  return serveGrpc({
    socketPath,
    methods: plugin ? new Map([...BY_PATH, ...plugin.methods]) : BY_PATH,
    opened() {
      plugin?.connected()
      return openSession(host, build)
    },
    closed(session) {
      session.stopping.abort()
      plugin?.gone()
    },
    ...(plugin ? { held: plugin.held } : {}),
    ...(plugin?.tls ? { tls: plugin.tls } : {}),
  })
}
