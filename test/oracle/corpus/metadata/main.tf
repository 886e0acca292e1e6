terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

data "coder_workspace" "me" {}

resource "terraform_data" "volume" {
  input = "volume-${data.coder_workspace.me.id}"
}

resource "terraform_data" "machine" {
  count = data.coder_workspace.me.start_count
  input = "machine"
}

resource "coder_metadata" "volume" {
  resource_id = terraform_data.volume.id
  daily_cost  = 12
  icon        = "/icon/database.svg"
  hide        = false
  item {
    key   = "size"
    value = "10 GiB"
  }
  item {
    key       = "password"
    value     = "hunter2"
    sensitive = true
  }
  item {
    key   = "empty"
    value = ""
  }
  item {
    key = "nothing"
  }
}

resource "coder_metadata" "machine" {
  count       = data.coder_workspace.me.start_count
  resource_id = terraform_data.machine[0].id
  hide        = true
}

resource "coder_metadata" "computed_item" {
  resource_id = terraform_data.volume.output
  item {
    key   = "id"
    value = terraform_data.volume.id
  }
}
