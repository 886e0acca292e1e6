terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

data "coder_parameter" "size" {
  name    = "preset size"
  default = "small"
  option {
    name  = "Small"
    value = "small"
  }
  option {
    name  = "Large"
    value = "large"
  }
}

data "coder_workspace_preset" "small" {
  name        = "Small"
  default     = true
  description = "Little of everything"
  icon        = "/emojis/0031-fe0f-20e3.png"
  parameters = {
    (data.coder_parameter.size.name) = "small"
  }
}

data "coder_workspace_preset" "bare" {
  name = "Bare"
}

data "coder_workspace_preset" "unknown_names" {
  name       = "Unknown"
  parameters = { "nobody has this" = "x", "empty" = "" }
}
