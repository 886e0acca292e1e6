terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

data "coder_external_auth" "github" {
  id = "github"
}

data "coder_external_auth" "optional" {
  id       = "gitlab-internal"
  optional = true
}

resource "coder_agent" "main" {
  arch = "amd64"
  os   = "linux"
  env = {
    GITHUB_TOKEN = data.coder_external_auth.github.access_token
    HAS_GITLAB   = data.coder_external_auth.optional.access_token != ""
  }
}
