/**
 * The one door to cdktf and constructs, for templates written in TypeScript. Whoever exchanges the library for a compatible
 * one exchanges it here.
 */
export {
  App,
  Fn,
  TerraformDataSource,
  TerraformElement,
  TerraformOutput,
  TerraformProvider,
  TerraformResource,
  TerraformStack,
  Token,
} from 'cdktf'
export type { IResolvable, TerraformMetaArguments } from 'cdktf'
export { Construct, Node } from 'constructs'
