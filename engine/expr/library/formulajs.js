// Formula.js, and how Go calls expressions that use it.
import * as functions from '@formulajs/formulajs'
import { jsonValue } from './result.js'
import { harden } from './harden.js'

// Go takes this global away once it has it, and calls harden before the first
// expression.
globalThis.library = {
  names: Object.keys(functions).filter(name => name !== 'default' && name !== 'utils'),
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
