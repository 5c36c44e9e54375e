// Package sheet reads and writes tables of cells as CSV and XLSX files, a row at
// a time: memory does not grow with the file.
//
// A file's format is told by its first bytes, never by its name. CSV may be
// UTF-8, UTF-16 with a byte order mark, or else Windows-1252; the sign between
// cells is the one of comma, semicolon, tab and bar that the first line uses most.
//
// XLSX is read and written by excelize, which keeps large parts of a workbook in
// temporary files. A workbook is a zip file of XML: what unpacks to more than
// [MaxUnpacked] is refused before it is read.
package sheet
