// Stands where an agent's program would, and ends with its supervisor.
const parent = process.ppid
setInterval(() => {
  if (process.ppid !== parent) process.exit(0)
}, 100)
