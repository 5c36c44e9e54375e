// The part of math.js that expressions may use, and how Go calls it.
import { create, all } from 'mathjs'
import { jsonValue } from './result.js'
import { own } from './own.js'

const math = create(all)
const { compile: compileText } = math

// Native code cannot be interrupted, so what could run long in it is bounded.
const { pow } = math
math.import({
  pow: math.typed('pow', {
    'bigint, bigint': (x, y) => {
      if (y > 10000n) throw new RangeError('The exponent of a bigint is at most 10000')
      return x ** y
    },
    ...omit(pow.signatures, 'bigint,bigint')
  })
}, { override: true })

// One instance serves many workflows: nothing in an expression may change it.
// Only the names that expressions see are replaced: the library itself still
// needs these functions.
for (const name of ['import', 'config', 'createUnit', 'typed', 'reviver', 'create']) {
  Object.defineProperty(math.expression.mathWithTransform, name, {
    value: () => { throw new Error(`Function ${name} is disabled`) }
  })
}

function plain (value) {
  return math.isMatrix(value) ? value.toArray() : value
}

function omit (object, key) {
  const copy = { ...object }
  delete copy[key]
  return copy
}

// Go takes this global away once it has it.
globalThis.library = {
  compile: text => compileText(text),

  // define adds a function of the program's own; an error when there is one of this
  // name. Go calls it before the first expression.
  define: (name, call) => math.import({ [name]: own(call, plain) }, { override: false }),

  // run evaluates what compile returned with the parameters $$0, $$1, …
  run (code, ...args) {
    const scope = new Map()
    for (let i = 0; i < args.length; i++) scope.set('$$' + i, args[i])
    return jsonValue(plain(code.evaluate(scope)))
  },

  // round is here for the test of its Go counterpart.
  round: x => math.round(x, 9)
}
