// What the original libraries make of expressions, in Node and untouched. The
// argument is the directory that they are installed in.
//
// With "list" behind it, it writes what the libraries document: the examples of
// math.js and the names of Formula.js. Otherwise it reads cases, a JSON list of
// {engine, source, args}, and writes a list of {value} or {error}.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { Buffer } from 'node:buffer'

const [dir, mode] = process.argv.slice(2)
const require = createRequire(dir + '/')
const math = require('mathjs')
const formula = require('@formulajs/formulajs')

function documented () {
  const { docs } = math
  const examples = Object.values(docs).flatMap(doc => doc.examples ?? [])
  const names = Object.keys(formula).filter(name => name !== 'default' && name !== 'utils')
  return { math: [...new Set(examples)], formula: names }
}

function evaluate ({ engine, source, args }) {
  if (engine === 'math.js') {
    const scope = new Map(args.map((value, i) => ['$$' + i, structuredClone(value)]))
    const value = math.evaluate(source, scope)
    return math.isMatrix(value) ? value.toArray() : value
  }
  const names = Object.keys(formula).filter(name => name !== 'default' && name !== 'utils')
  const program = Function(...names, ...args.map((_, i) => '$$' + i), `"use strict"; return (${source})`)
  const value = program(...names.map(name => formula[name]), ...structuredClone(args))
  if (value instanceof Error) throw value
  return value
}

// plain is a value as JSON has it; numbers are rounded to nine digits when they
// are the whole result.
function plain (value) {
  if (typeof value === 'number') return Number.isFinite(value) ? math.round(value, 9) : null
  if (typeof value === 'function' || typeof value === 'symbol' || value === undefined) return null
  return JSON.parse(JSON.stringify(value, (_, v) => typeof v === 'bigint' ? (Number.isSafeInteger(Number(v)) ? Number(v) : String(v)) : v) ?? 'null')
}

function answer (c) {
  try {
    return { value: plain(evaluate(c)) }
  } catch (error) {
    return { error: String(error) }
  }
}

const input = mode === 'list' ? null : JSON.parse(Buffer.from(readFileSync(0)).toString())
process.stdout.write(JSON.stringify(mode === 'list' ? documented() : input.map(answer)))
