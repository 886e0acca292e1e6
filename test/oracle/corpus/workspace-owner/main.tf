terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

data "coder_workspace" "me" {}
data "coder_workspace_owner" "me" {}
data "coder_provisioner" "me" {}

locals {
  in_makers = contains(data.coder_workspace_owner.me.groups, "makers")
  roles     = [for role in data.coder_workspace_owner.me.rbac_roles : "${role.name}@${role.org_id}"]
}

resource "terraform_data" "owner" {
  input = {
    name      = lower(data.coder_workspace_owner.me.name)
    full_name = data.coder_workspace_owner.me.full_name
    email     = data.coder_workspace_owner.me.email
    login     = data.coder_workspace_owner.me.login_type
    key       = data.coder_workspace_owner.me.ssh_public_key
    makers    = local.in_makers
    roles     = local.roles
    arch      = data.coder_provisioner.me.arch
  }
}

resource "terraform_data" "secrets" {
  input = sha256(join("", [
    data.coder_workspace_owner.me.session_token,
    data.coder_workspace_owner.me.oidc_access_token,
    data.coder_workspace_owner.me.ssh_private_key,
  ]))
}

resource "terraform_data" "workspace" {
  input = [
    data.coder_workspace.me.access_url, data.coder_workspace.me.access_port, data.coder_workspace.me.transition,
    data.coder_workspace.me.template_id, data.coder_workspace.me.template_name, data.coder_workspace.me.template_version,
  ]
}
