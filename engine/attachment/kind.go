package attachment

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// kind is a type of files.
type kind struct {
	mime    string
	endings []string // the usual one first
}

// told are the kinds that their content shows. A file whose name says one of them,
// and whose content says something else, gets another ending.
var told = []kind{
	{"image/png", []string{".png"}}, {"image/jpeg", []string{".jpg", ".jpeg", ".jpe", ".jfif"}}, {"image/gif", []string{".gif"}}, {"image/webp", []string{".webp"}},
	{"image/bmp", []string{".bmp"}}, {"image/x-icon", []string{".ico"}}, {"image/svg+xml", []string{".svg"}}, {"application/pdf", []string{".pdf"}},
	{"application/postscript", []string{".ps"}}, {"application/zip", []string{".zip"}}, {"application/x-gzip", []string{".gz", ".tgz"}},
	{"application/x-rar-compressed", []string{".rar"}}, {"audio/mpeg", []string{".mp3"}}, {"audio/wave", []string{".wav"}}, {"audio/aiff", []string{".aiff", ".aif"}},
	{"application/ogg", []string{".ogg", ".ogv", ".oga"}}, {"video/mp4", []string{".mp4", ".m4v", ".m4a", ".mov"}}, {"video/webm", []string{".webm", ".mkv"}}, {"video/avi", []string{".avi"}},
	{"text/html", []string{".html", ".htm"}},
	{"application/vnd.openxmlformats-officedocument.wordprocessingml.document", []string{".docx"}},
	{"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", []string{".xlsx"}},
	{"application/vnd.openxmlformats-officedocument.presentationml.presentation", []string{".pptx"}},
	{"application/vnd.oasis.opendocument.text", []string{".odt"}}, {"application/vnd.oasis.opendocument.spreadsheet", []string{".ods"}},
	{"application/vnd.oasis.opendocument.presentation", []string{".odp"}},
	{"application/msword", []string{".doc"}}, {"application/vnd.ms-excel", []string{".xls"}}, {"application/vnd.ms-powerpoint", []string{".ppt"}}, {"application/vnd.ms-outlook", []string{".msg"}},
}

// texts are kinds that only the name tells from other texts.
var texts = []kind{
	{"text/csv", []string{".csv"}}, {"text/markdown", []string{".md", ".markdown"}}, {"application/json", []string{".json"}}, {"application/xml", []string{".xml"}},
	{"text/calendar", []string{".ics"}}, {"text/vcard", []string{".vcf"}}, {"message/rfc822", []string{".eml"}},
}

// inside are texts in ZIP files that tell what they are: the names of parts of
// Office documents, the first part of OpenDocument ones.
var inside = []struct{ text, ending string }{
	{"word/document.xml", ".docx"}, {"xl/workbook.xml", ".xlsx"}, {"ppt/presentation.xml", ".pptx"},
	{"mimetypeapplication/vnd.oasis.opendocument.text", ".odt"}, {"mimetypeapplication/vnd.oasis.opendocument.spreadsheet", ".ods"},
	{"mimetypeapplication/vnd.oasis.opendocument.presentation", ".odp"},
}

// compound is how the files of old Office programs begin.
var compound = []byte{0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1}

// looked is how much of the beginning and of the end of a file is looked at. ZIP
// files are not opened.
const looked = 64 << 10

// sniff tells what a file is by its content, and which ending its name gets.
// ending is the one that it came with.
func sniff(r io.ReadSeeker, size int64, ending string) (mime, suited string, err error) {
	head, err := piece(r, 0)
	if err != nil {
		return "", "", err
	}
	mime, _, _ = strings.Cut(http.DetectContentType(head), ";")
	switch mime {
	case "application/zip":
		tail, err := piece(r, max(0, size-looked))
		if err != nil {
			return "", "", err
		}
		for _, in := range inside {
			if bytes.Contains(head, []byte(in.text)) || bytes.Contains(tail, []byte(in.text)) {
				mime = byEnding(told, in.ending)
				break
			}
		}
	case "text/plain", "text/xml":
		switch lower := bytes.ToLower(bytes.TrimLeft(head[:min(len(head), 1024)], " \t\r\n\ufeff")); {
		case bytes.HasPrefix(lower, []byte("<")) && bytes.Contains(lower, []byte("<svg")):
			mime = "image/svg+xml"
		case mime == "text/xml":
			mime = "application/xml"
		default:
			if m := byEnding(texts, ending); m != "" {
				mime = m
			}
		}
	case "application/octet-stream":
		if m := byEnding(told, ending); bytes.HasPrefix(head, compound) && strings.HasPrefix(m, "application/") {
			mime = m
		}
	}
	return mime, suitedEnding(mime, ending), nil
}

// suitedEnding is ending, unless it says something else than what the file is.
func suitedEnding(mime, ending string) string {
	said := byEnding(told, ending)
	if said == "" && byEnding(texts, ending) == "" || said == mime {
		if i := slices.IndexFunc(told, func(k kind) bool { return k.mime == mime }); i >= 0 && !slices.Contains(told[i].endings, ending) {
			return told[i].endings[0]
		}
		return ending
	}
	for _, k := range slices.Concat(told, texts) {
		if k.mime == mime {
			if slices.Contains(k.endings, ending) {
				return ending
			}
			return k.endings[0]
		}
	}
	if mime == "text/plain" {
		return ".txt"
	}
	return ".bin"
}

func byEnding(kinds []kind, ending string) string {
	for _, k := range kinds {
		if slices.Contains(k.endings, ending) {
			return k.mime
		}
	}
	return ""
}

func piece(r io.ReadSeeker, from int64) ([]byte, error) {
	if _, err := r.Seek(from, io.SeekStart); err != nil {
		return nil, fmt.Errorf("look at a file: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(r, looked))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("look at a file: %w", err)
	}
	return b, nil
}

const (
	longestTitle  = 200 // characters
	longestEnding = 10  // after the dot
)

// names makes of what an upload is called a title and an ending that are fit to
// be shown and saved anywhere: without directories, without letters that are not
// seen or turn the direction of reading.
func names(upload string) (title, ending string) {
	upload = strings.ToValidUTF8(upload, "")
	if i := strings.LastIndexAny(upload, `/\`); i >= 0 {
		upload = upload[i+1:]
	}
	upload = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || strings.ContainsRune(`<>:"|?*`, r) { // format characters are not printable either
			return -1
		}
		return r
	}, upload)
	upload = strings.TrimSpace(upload)
	if i := strings.LastIndexByte(upload, '.'); i >= 0 && plainEnding(strings.ToLower(upload[i+1:])) {
		upload, ending = upload[:i], strings.ToLower(upload[i:])
	}
	if upload = strings.Trim(upload, " ."); upload == "" {
		upload = "file"
	}
	if utf8.RuneCountInString(upload) > longestTitle {
		upload = strings.TrimSpace(string([]rune(upload)[:longestTitle]))
	}
	return upload, ending
}

func plainEnding(s string) bool {
	return s != "" && len(s) <= longestEnding && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}
