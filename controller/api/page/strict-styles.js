/**
 * The terminal's library writes its colours into <style> elements and style attributes, which our policy forbids: a page
 * that allows them allows whoever injects them. Given to it instead are a sheet that is made by script, which the policy
 * is not about, and the object model of the attribute.
 */
export function keepStylesStrict(document) {
  const createElement = document.createElement.bind(document)
  document.createElement = (tag, ...more) =>
    tag === 'style' ? sheetElement(document, createElement('bothy-sheet')) : createElement(tag, ...more)
  const { setAttribute } = Element.prototype
  Element.prototype.setAttribute = function set(name, value) {
    if (name === 'style') this.style.cssText = value
    else setAttribute.call(this, name, value)
  }
}

/** Looks like a <style> to whoever made it. */
function sheetElement(document, stand) {
  const sheet = new CSSStyleSheet()
  document.adoptedStyleSheets.push(sheet)
  const remove = stand.remove.bind(stand)
  Object.defineProperty(stand, 'textContent', {
    get: () => '',
    set(text) {
      sheet.replaceSync(text)
    },
  })
  stand.remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((each) => each !== sheet)
    remove()
  }
  return stand
}
