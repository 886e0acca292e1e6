terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

data "coder_parameter" "advanced" {
  name    = "advanced"
  type    = "bool"
  default = true
}

data "coder_parameter" "kernel" {
  count   = data.coder_parameter.advanced.value == "true" ? 1 : 0
  name    = "kernel"
  default = "6.1"
  order   = 2
}

locals {
  flavours = ["small", "medium", "large"]
}

data "coder_parameter" "flavour" {
  name    = "flavour"
  default = local.flavours[0]
  dynamic "option" {
    for_each = local.flavours
    content {
      name  = title(option.value)
      value = option.value
      icon  = option.key == 0 ? "/icon/small.svg" : null
    }
  }
}

resource "terraform_data" "seen" {
  input = [one(data.coder_parameter.kernel[*].value), data.coder_parameter.flavour.option[1].icon == ""]
}
