terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

data "coder_parameter" "plain" {
  name = "plain"
}

data "coder_parameter" "with_default" {
  name         = "With Spaces & Symbols"
  display_name = "Shown"
  description  = <<-EOT
    # Markdown
    of *several* lines
  EOT
  default      = "something"
  icon         = "/icon/folder.svg"
  order        = 7
  mutable      = true
}

data "coder_parameter" "area" {
  name      = "area"
  type      = "string"
  form_type = "textarea"
  default   = "a\nb"
  styling   = jsonencode({ placeholder = "write", disabled = false })
}

data "coder_parameter" "region" {
  name    = "region"
  type    = "string"
  default = "us-central1-a"
  option {
    name  = "US Central"
    value = "us-central1-a"
    icon  = "/emojis/1f1fa-1f1f8.png"
  }
  option {
    name        = "Asia"
    value       = "asia-central1-a"
    description = "Far from here"
  }
}

data "coder_parameter" "image" {
  name      = "image"
  form_type = "dropdown"
  default   = ""
  option {
    name  = "None"
    value = ""
  }
  option {
    name  = "Debian"
    value = "debian:12"
  }
}

resource "terraform_data" "seen" {
  input = {
    values  = [data.coder_parameter.plain.value, data.coder_parameter.area.value, data.coder_parameter.image.value]
    forms   = [data.coder_parameter.plain.form_type, data.coder_parameter.region.form_type, data.coder_parameter.image.form_type]
    options = [for each in data.coder_parameter.region.option : each.icon]
  }
}
