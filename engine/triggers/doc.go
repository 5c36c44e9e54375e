// Package triggers holds the trigger types, one file each. Importing it
// registers them, as database/sql drivers do.
package triggers
