import {
  App,
  type Construct,
  TerraformDataSource,
  type TerraformMetaArguments,
  TerraformProvider,
  TerraformResource,
  TerraformStack,
} from './cdktf.ts'

/** What every construct of ours is made of. The generated classes beside add names, types and sentences. */

const GENERATED = { providerName: 'bothy' } as const

/** Attributes as terraform names them; what is undefined is left out. */
export type Written = Readonly<Record<string, unknown>>

export class BothyResource extends TerraformResource {
  readonly #written: Written
  constructor(scope: Construct, id: string, type: string, meta: TerraformMetaArguments, written: Written) {
    super(scope, id, { ...metaOf(meta), terraformResourceType: type, terraformGeneratorMetadata: GENERATED })
    this.#written = written
  }
  protected override synthesizeAttributes(): Record<string, unknown> {
    return { ...this.#written }
  }
}

export class BothyDataSource extends TerraformDataSource {
  readonly #written: Written
  constructor(scope: Construct, id: string, type: string, meta: TerraformMetaArguments, written: Written) {
    super(scope, id, { ...metaOf(meta), terraformResourceType: type, terraformGeneratorMetadata: GENERATED })
    this.#written = written
  }
  protected override synthesizeAttributes(): Record<string, unknown> {
    return { ...this.#written }
  }
}

/** Ours: the constructs of this package need it once in a stack. `template` brings it along. */
export class BothyProvider extends TerraformProvider {
  readonly #url: string | undefined
  constructor(
    scope: Construct,
    id: string,
    config: { /** Where the control plane is reached. Default: what the build says. */ readonly url?: string } = {},
  ) {
    super(scope, id, { terraformResourceType: 'bothy', terraformGeneratorMetadata: GENERATED, terraformProviderSource: 'bothy/bothy' })
    this.#url = config.url
  }
  protected override synthesizeAttributes(): Record<string, unknown> {
    return { url: this.#url }
  }
}

/** A whole template: what `make` adds to the stack is what a workspace is built of. */
export function template(make: (stack: TerraformStack) => void): void {
  const app = new App()
  const stack = new TerraformStack(app, 'template')
  stack.node.addDependency(new BothyProvider(stack, 'bothy'))
  make(stack)
  app.synth()
}

/** Only what terraform itself knows of any resource, so that a wrong name is an error of types and never of terraform. */
function metaOf({
  connection,
  count,
  dependsOn,
  forEach,
  lifecycle,
  provider,
  provisioners,
}: TerraformMetaArguments): TerraformMetaArguments {
  return {
    ...(connection ? { connection } : {}),
    ...(count === undefined ? {} : { count }),
    ...(dependsOn ? { dependsOn } : {}),
    ...(forEach ? { forEach } : {}),
    ...(lifecycle ? { lifecycle } : {}),
    ...(provider ? { provider } : {}),
    ...(provisioners ? { provisioners } : {}),
  }
}
