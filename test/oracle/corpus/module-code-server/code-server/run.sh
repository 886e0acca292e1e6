#!/usr/bin/env bash
code-server --auth none --port ${PORT} --settings "${SETTINGS}" >/tmp/code-server.log 2>&1 &
