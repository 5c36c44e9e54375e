// Functions of expressions that the program itself brings along.
import { jsonValue } from './result.js'

// own makes such a function of call, which takes JSON values and returns
// { value } or { error }. plain turns an argument of the library into a value.
export function own (call, plain = v => v) {
  return (...args) => {
    const { value, error } = call(...args.map(v => jsonValue(plain(v))))
    if (error !== undefined) throw new Error(error)
    return value
  }
}
