terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

resource "coder_ai_task" "old" {
  sidebar_app {
    id = "11111111-2222-4333-8444-555555555555"
  }
}
