import { computed, type Block, type Entry } from './model.ts'

const WORKSPACE: Block = {
  description: 'The workspace that is being built.',
  attributes: {
    id: computed('string', 'Its uid.'),
    name: computed('string', 'Its name.'),
    transition: computed('string', 'What this build does: start, stop or destroy.'),
    start_count: computed('number', '1 when this build starts the workspace, otherwise 0: the count of whatever stops with it.'),
    access_url: computed('string', 'Where the control plane is reached.'),
    access_port: computed('number', 'The port of access_url.'),
    template_id: computed('string', 'Uid of the template.'),
    template_name: computed('string', 'Name of the template.'),
    template_version: computed('string', 'The version of the template.'),
    is_prebuild: computed('bool', 'Whether nobody owns it yet.'),
    prebuild_count: computed('number', '1 when is_prebuild, otherwise 0.'),
    is_prebuild_claim: computed('bool', 'Whether this build gives a prebuilt workspace to somebody.'),
  },
}

const OWNER: Block = {
  description: 'Whom the workspace belongs to.',
  attributes: {
    id: computed('string', 'Their id.'),
    name: computed('string', 'Their user name.'),
    full_name: computed('string', 'Their name.'),
    email: computed('string', 'Their e-mail address.'),
    groups: computed(['list', 'string'], 'The groups they are in.'),
    rbac_roles: computed(['list', ['object', { name: 'string', org_id: 'string' }]], 'Their roles.'),
    login_type: computed('string', 'How they log in.'),
    ssh_public_key: computed('string', 'Their public key.'),
    ssh_private_key: computed('string', 'Their private key.', { sensitive: true }),
    session_token: computed('string', 'A token of theirs for the control plane.', { sensitive: true }),
    oidc_access_token: computed('string', 'A token of theirs from the identity provider.', { sensitive: true }),
  },
}

const PROVISIONER: Block = {
  description: 'The machine that terraform runs on.',
  attributes: {
    id: computed('string', 'A uuid.'),
    os: computed('string', 'Its operating system.'),
    arch: computed('string', 'Its architecture.'),
  },
}

export const WORKSPACE_ENTRIES: readonly Entry[] = [
  { name: 'workspace', kind: 'data', prefixes: 'both', version: 1, block: WORKSPACE },
  { name: 'workspace_owner', kind: 'data', prefixes: 'both', block: OWNER },
  { name: 'provisioner', kind: 'data', prefixes: 'both', version: 1, block: PROVISIONER },
]
