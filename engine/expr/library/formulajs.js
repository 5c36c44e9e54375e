// Formula.js, and how Go calls expressions that use it.
import * as library from '@formulajs/formulajs'
import { jsonValue } from './result.js'
import { harden } from './harden.js'
import { own } from './own.js'

const functions = { ...library }
delete functions.default
delete functions.utils

// The runtime knows no locales: a number as en-US writes it, for that is the only
// one that Formula.js asks for.
Object.defineProperty(Number.prototype, 'toLocaleString', {
  writable: true,
  configurable: true,
  value: function (locale, { style, minimumFractionDigits: least, maximumFractionDigits: most } = {}) {
    const money = style === 'currency' ? '$' : ''
    const size = Math.abs(this)
    if (!Number.isFinite(size) || size >= 1e21) return (this < 0 ? '-' : '') + money + (size === Infinity ? '∞' : size)
    least ??= money ? 2 : 0
    let [whole, part = ''] = size.toFixed(most ?? Math.max(least, money ? 2 : 3)).split('.')
    while (part.length > least && part.endsWith('0')) part = part.slice(0, -1)
    whole = whole.replace(/\B(?=(\d{3})+$)/g, ',')
    return (this < 0 ? '-' : '') + money + whole + (part && '.' + part)
  }
})

// Go takes this global away once it has it, and calls harden before the first
// expression.
globalThis.library = {
  // define adds a function of the program's own; an error when there is one of this
  // name.
  define (name, call) {
    if (Object.hasOwn(functions, name)) throw new Error(`there is a function ${name} already`)
    functions[name] = own(call)
  },
  get names () { return Object.keys(functions) },
  get: name => functions[name],
  harden: () => harden(functions),

  // run calls the function that an expression was compiled to.
  run (fn, ...args) {
    const result = fn(...args)
    // A failed formula gives an error as its value, such as #VALUE!.
    if (result instanceof Error) throw result
    return jsonValue(result)
  }
}
