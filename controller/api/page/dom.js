/** Elements from data. Text is always text: nothing that comes from a workspace is ever markup. */
export function el(tag, given = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === null || value === false) continue
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value)
    else if (name === 'class') element.className = value
    else element.setAttribute(name, value === true ? '' : value)
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false))
  return element
}

let hiding = 0
export function toast(text) {
  const box = document.getElementById('toast')
  box.textContent = text
  box.classList.add('shown')
  clearTimeout(hiding)
  hiding = setTimeout(() => box.classList.remove('shown'), 6000)
}
