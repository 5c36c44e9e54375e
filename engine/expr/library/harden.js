// One runtime serves many workflows, and expressions are JavaScript: nothing in
// an expression may reach out of it, change what the next one sees, or keep
// native code busy, which cannot be interrupted.

const limit = 1e6 // elements of a list, characters of a text

const { apply, construct, getOwnPropertyDescriptor, getPrototypeOf, ownKeys } = Reflect
const { freeze, defineProperty } = Object
const global = globalThis

// harden is called once, after the library has been loaded. It keeps private
// copies of what it uses, since expressions run afterwards.
export function harden (library) {
  const blocked = () => { throw new EvalError('Code from text is not allowed here') }
  for (const sample of [function () {}, function * () {}, async function () {}]) {
    defineProperty(getPrototypeOf(sample), 'constructor', { value: blocked })
  }
  for (const name of ['repeat', 'padStart', 'padEnd']) boundText(name)
  boundReplace('replace')
  boundReplace('replaceAll')
  for (const name of ownKeys(Array.prototype)) boundList(name)
  boundFrom()
  defineProperty(Array.prototype, 'constructor', { value: BoundArray })
  defineProperty(BoundArray, 'prototype', { value: Array.prototype })
  for (const name of ['from', 'of', 'isArray']) BoundArray[name] = Array[name]
  global.Array = BoundArray
  for (const name of ownKeys(global)) {
    if (/^(Int|Uint|Float)\d+/.test(String(name))) boundTyped(name)
  }
  for (const name of ['eval', 'Function', 'BigInt', 'BigInt64Array', 'BigUint64Array', 'Proxy', 'Reflect',
    'SharedArrayBuffer', 'ArrayBuffer', 'DataView', 'WeakRef', 'FinalizationRegistry', 'globalThis']) {
    delete global[name]
  }
  for (const name of ['globalThis', 'window', 'process', 'require', 'module', 'exports', 'Buffer', '__filename', '__dirname']) {
    defineProperty(global, name, { value: undefined })
  }
  const seen = new Set()
  freezeAll(global, seen, true)
  for (const name of ownKeys(library)) freezeAll(library[name], seen, true)
  for (const sample of [function * () {}.prototype, [][Symbol.iterator](), ''[Symbol.iterator](), new Map().entries(), new Set().values()]) {
    freezeAll(sample, seen, false)
  }
}

function BoundArray (...args) {
  if (args.length === 1 && args[0] > limit) throw new RangeError('The list is too long')
  return args.length === 1 && typeof args[0] === 'number' ? emptyList(args[0]) : args
}

function boundTyped (name) {
  const Original = global[name]
  const Bound = function (source, ...rest) {
    const length = typeof source === 'object' && source !== null ? source.length : source
    if (length > limit) throw new RangeError('The list is too long')
    return construct(Original, [source, ...rest])
  }
  Bound.prototype = Original.prototype
  defineProperty(Original.prototype, 'constructor', { value: Bound })
  global[name] = Bound
}

function emptyList (length) {
  const list = []
  list.length = length
  return list
}

function boundText (name) {
  const original = String.prototype[name]
  replace(String.prototype, name, function (count, ...rest) {
    const size = name === 'repeat' ? String(this).length * count : count
    if (size > limit) throw new RangeError('The text is too long')
    return apply(original, this, [count, ...rest])
  })
}

// Each match can put the whole text into the result, by $` and $'.
function boundReplace (name) {
  const original = String.prototype[name]
  if (!original) return
  replace(String.prototype, name, function (pattern, by) {
    if (typeof by !== 'function') {
      const text = String(this).length
      by = String(by)
      const size = (text + 1) * (by.length + 1) * (/\$[`']/.test(by) ? text + 1 : 1)
      if (size > 1e8) throw new RangeError('The text is too long')
    }
    return apply(original, this, [pattern, by])
  })
}

function boundList (name) {
  const original = Array.prototype[name]
  if (typeof original !== 'function' || name === 'constructor' || typeof name === 'symbol') return
  replace(Array.prototype, name, function (...args) {
    if (this != null && this.length > limit) throw new RangeError('The list is too long')
    if (name === 'join' && joinedLength(this, args[0]) > 1e7) throw new RangeError('The text is too long')
    return apply(original, this, args)
  })
}

function joinedLength (list, separator) {
  let size = list.length * (separator === undefined ? 1 : String(separator).length)
  for (let i = 0; i < list.length; i++) {
    if (typeof list[i] === 'string') size += list[i].length
  }
  return size
}

function boundFrom () {
  const original = Array.from
  Array.from = function (source, ...rest) {
    if (source != null && source.length > limit) throw new RangeError('The list is too long')
    return apply(original, Array, [source, ...rest])
  }
}

function replace (object, name, value) {
  defineProperty(object, name, { value, writable: true, configurable: true, enumerable: false })
}

function freezeAll (value, seen, deep) {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function') || seen.has(value)) return
  seen.add(value)
  if (value !== global) freeze(value)
  freezeAll(getPrototypeOf(value), seen, deep)
  if (!deep) return
  for (const key of ownKeys(value)) {
    const property = getOwnPropertyDescriptor(value, key)
    if (!property) continue
    freezeAll(property.value, seen, deep)
    freezeAll(property.get, seen, deep)
    freezeAll(property.set, seen, deep)
  }
  if (value === global) freeze(value)
}
