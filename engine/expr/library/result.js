// jsonValue prepares a result for Go: a number, text, boolean or null as it is,
// everything else as { json }.
export function jsonValue (value) {
  switch (typeof value) {
    case 'number':
    case 'string':
    case 'boolean':
      return value
    case 'undefined':
    case 'function':
    case 'symbol':
      return null
  }
  if (value === null) return null
  const json = JSON.stringify(value, (_, v) => typeof v === 'bigint' ? smallest(v) : v)
  return json === undefined ? null : { json }
}

// smallest keeps a bigint a number as long as that is exact.
function smallest (big) {
  const number = Number(big)
  return Number.isSafeInteger(number) ? number : String(big)
}
