/** Objects that must be refused: each with the lines of its spec or metadata, and the place and field that must be named. */
export interface Invalid {
  readonly yaml: string
  /** `line:column: …field`, the line within its own document. */
  readonly at: RegExp
}

const workspace = (spec: string, at: RegExp, metadata = '{name: NAME}'): Invalid => ({
  yaml: `apiVersion: bothy.dev/v1alpha1\nkind: Workspace\nmetadata: ${metadata}\nspec:\n${spec}`,
  at,
})
const template = (spec: string, at: RegExp): Invalid => ({
  yaml: `apiVersion: bothy.dev/v1alpha1\nkind: Template\nmetadata: {name: NAME}\nspec:\n${spec}`,
  at,
})
const SOURCE = '  source: {type: Folder, folder: {path: ./x}}\n'

export const INVALID: readonly Invalid[] = [
  workspace('  power: Auto\n', /^4:1: .*spec\.template: is missing$/),
  workspace('  template: {}\n', /^5:3: .*spec\.template\.name: is missing$/),
  workspace(
    '  template: {name: Not_A_Name}\n',
    /^5:14: .*spec\.template\.name: "Not_A_Name" cannot be a name: write lower-case letters, .*, at most 63$/,
  ),
  workspace(
    '  template: {name: t}\n  power: Sometimes\n',
    /^6:3: .*spec\.power: "Sometimes" is not offered; there is "Auto", "Running", "Stopped"$/,
  ),
  workspace('  template: {name: t}\n  power: 7\n', /^6:3: .*spec\.power: must be text: put it in quotes$/),
  workspace('  template: {name: t}\n  pwoer: Running\n', /^6:3: .*spec\.pwoer: there is no such field; did you mean power\?$/),
  workspace('  template: {name: t}\n  parameters: {cpu: 2}\n', /^6:16: .*spec\.parameters\.cpu: must be text: put it in quotes$/),
  workspace('  template: {name: t}\n  parameters: [a]\n', /^6:3: .*spec\.parameters: must be a map, not a list$/),
  workspace('  template: {name: t}\n  owner: "two words"\n', /^6:3: .*spec\.owner: /),
  workspace('  template: {name: t}\n  preset: ""\n', /^6:3: .*spec\.preset: /),
  workspace('  template: {name: t}\n  schedule:\n    ttl: soon\n', /^7:5: .*spec\.schedule\.ttl: /),
  workspace('  template: {name: t}\n  schedule:\n    ttl: 40d\n', /^7:5: .*spec\.schedule\.ttl: .*at most 30d/),
  workspace('  template: {name: t}\n  schedule:\n    ttl: 30s\n', /^7:5: .*spec\.schedule\.ttl: .*at least 1m/),
  workspace('  template: {name: t}\n  schedule:\n    autostart: "0 9 1 * *"\n', /^7:5: .*spec\.schedule\.autostart: /),
  workspace('  template: {name: t}\n  schedule:\n    autostart: "99 9 * * 1-5"\n', /^7:5: .*spec\.schedule\.autostart: .*minute/),
  workspace('  template: {name: t}\n  schedule:\n    timezone: "+1"\n', /^7:5: .*spec\.schedule\.timezone: /),
  workspace('  template: {name: t}\n  updates: Never\n', /^6:3: .*spec\.updates: "Never" is not offered/),
  workspace('  template: {name: t}\n  deletionPolicy: Keep\n', /^6:3: .*spec\.deletionPolicy: "Keep" is not offered/),
  workspace(
    '  template: {name: t}\n',
    /^3:12: .*metadata\.name: "Upper_Case" cannot be a name: write lower-case letters, digits and -,/,
    '{name: Upper_Case}',
  ),
  template('  displayName: x\n', /^4:1: .*spec\.source: is missing$/),
  template('  source: {type: Nowhere}\n', /^5:12: .*spec\.source\.type: "Nowhere" is not offered/),
  template('  source: {type: Folder, folder: {path: ../up}}\n', /^5:35: .*spec\.source\.folder\.path: /),
  template(`${SOURCE}  version: {policy: Pinned, digest: "sha256:short"}\n`, /^6:29: .*spec\.version\.digest: /),
  template(`${SOURCE}  variables: [{name: "not a name", value: x}]\n`, /^6:16: .*spec\.variables\[0\]\.name: /),
  { yaml: 'apiVersion: bothy.dev/v1alpha1\nkind: Nothing\nmetadata: {name: NAME}\n', at: /^2:1: .*there is no kind "Nothing"/ },
  { yaml: 'apiVersion: bothy.dev/v9\nkind: Workspace\nmetadata: {name: NAME}\n', at: /^1:1: .*apiVersion bothy\.dev\/v1alpha1/ },
]
