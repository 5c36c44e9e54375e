package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"alur/engine/fault"
	"alur/engine/value"
)

// ReadPortable reads a file of workflows: one that [Engine.ExportWorkflows] made, or
// workflows with their nodes as workflows:get and workflows:list of the API answer
// them with appends[]=nodes, alone or under "data". What is wrong is Invalid with
// field "file" and says where.
func ReadPortable(raw []byte) (Portable, error) {
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	switch {
	case len(raw) > MaxPortableBytes:
		return Portable{}, badFile("The file is larger than %d MB. Export fewer workflows at a time.", MaxPortableBytes>>20)
	case len(bytes.TrimSpace(raw)) == 0:
		return Portable{}, badFile("The file is empty. Choose one that was exported from the list of workflows.")
	case !utf8.Valid(raw):
		return Portable{}, badFile("The file is no text. Choose the JSON file of an export.")
	case value.Deeper(raw, maxPortableDepth):
		return Portable{}, badFile("The file is nested too deeply: lists and objects may stand in each other up to %d times.", maxPortableDepth)
	}
	var whole json.RawMessage
	if err := json.Unmarshal(raw, &whole); err != nil {
		return Portable{}, unreadableFile(raw, 0, err)
	}
	file, err := readWhole(raw, 0, false)
	if err != nil {
		return Portable{}, err
	}
	if len(file.Workflows) == 0 {
		return Portable{}, badFile("There is no workflow in the file.")
	}
	if n := len(file.Workflows); n > MaxPortableWorkflows {
		return Portable{}, badFile("The file holds %d workflows. At most %d go in at a time.", n, MaxPortableWorkflows)
	}
	return file, nil
}

// readWhole reads valid JSON in one of the shapes, which begins after so many lines
// of the file; within says that it stands under "data".
func readWhole(raw []byte, above int, within bool) (Portable, error) {
	above += bytes.Count(raw[:len(raw)-len(bytes.TrimLeft(raw, " \t\r\n"))], []byte("\n"))
	if raw = bytes.TrimSpace(raw); raw[0] == '[' {
		return readRecords(raw, above)
	}
	var head struct {
		Format  json.RawMessage `json:"format"`
		Version json.RawMessage `json:"version"`
		Data    json.RawMessage `json:"data"`
		Nodes   json.RawMessage `json:"nodes"`
		Type    json.RawMessage `json:"type"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return Portable{}, badFile("This is JSON, but no file of workflows: it holds no object.")
	}
	switch {
	case head.Format != nil:
		if string(head.Format) != strconv.Quote(portableFormat) {
			return Portable{}, badFile("The file is of the format %s, not “%s”. Choose one that was exported from the list of workflows.", head.Format, portableFormat)
		}
		if string(head.Version) != strconv.Itoa(portableVersion) {
			return Portable{}, badFile("The file is of version %s, and this server reads version %d. Export it again where it comes from, or update this server.", orNothing(head.Version), portableVersion)
		}
		return readOwn(raw, above)
	case len(head.Data) > 0 && !within && string(head.Data) != "null":
		return readWhole(head.Data, above+bytes.Count(raw[:bytes.Index(raw, head.Data)], []byte("\n")), true)
	case head.Nodes != nil && head.Type != nil:
		return readRecords([]byte("["+string(raw)+"]"), above)
	case head.Type != nil:
		return Portable{}, badFile("The workflow in the file has no nodes with it. Read it with appends[]=nodes.")
	}
	return Portable{}, badFile("This is JSON, but no file of workflows. Choose one that was exported from the list of workflows.")
}

func orNothing(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "nothing"
	}
	return string(raw)
}

// readOwn reads our own format; a key that it does not have is a mistake, which
// would be lost otherwise.
func readOwn(raw []byte, above int) (Portable, error) {
	var file Portable
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return Portable{}, badFile("Line %d: a file of workflows has no %s.", above+lineOf(raw, d.InputOffset()), name)
		}
		return Portable{}, unreadableFile(raw, above, err)
	}
	return file, nil
}

// recordOf is a workflow as the API answers it. What is not in a file is passed
// over.
type recordOf struct {
	Key          string          `json:"key"`
	Title        string          `json:"title"`
	Description  string          `json:"description"`
	Type         string          `json:"type"`
	TriggerTitle string          `json:"triggerTitle"`
	Config       json.RawMessage `json:"config"`
	Options      json.RawMessage `json:"options"`
	Sync         bool            `json:"sync"`
	Categories   []struct {
		Title string `json:"title"`
	} `json:"categories"`
	Nodes []struct {
		ID          anyID           `json:"id"`
		Key         string          `json:"key"`
		Title       string          `json:"title"`
		Type        string          `json:"type"`
		Config      json.RawMessage `json:"config"`
		UpstreamID  anyID           `json:"upstreamId"`
		BranchIndex *int            `json:"branchIndex"`
	} `json:"nodes"`
}

// anyID is an id as number or text; "" for null.
type anyID string

// UnmarshalJSON takes 1, "1" and null.
func (id *anyID) UnmarshalJSON(raw []byte) error {
	if string(raw) != "null" {
		*id = anyID(bytes.Trim(raw, `"`))
	}
	return nil
}

func readRecords(raw []byte, above int) (Portable, error) {
	var records []recordOf
	if err := json.Unmarshal(raw, &records); err != nil {
		return Portable{}, unreadableFile(raw, above, err)
	}
	file := Portable{Format: portableFormat, Version: portableVersion}
	for i, r := range records {
		if r.Type == "" || r.Nodes == nil {
			return Portable{}, badFile("Number %d of the list in the file is no workflow with its nodes. Read workflows with appends[]=nodes.", i+1)
		}
		file.Workflows = append(file.Workflows, r.portable())
	}
	return file, nil
}

func (r recordOf) portable() PortableWorkflow {
	p := PortableWorkflow{Key: r.Key, Title: r.Title, Description: r.Description, Sync: r.Sync, Options: r.Options,
		Trigger: PortableTrigger{Type: r.Type, Title: r.TriggerTitle, Config: r.Config}}
	for _, c := range r.Categories {
		p.Categories = append(p.Categories, c.Title)
	}
	keys := map[anyID]string{}
	for i := range r.Nodes {
		n := &r.Nodes[i]
		if n.Key == "" {
			n.Key = newKey(11)
		}
		keys[n.ID] = n.Key
	}
	for _, n := range r.Nodes {
		made := PortableNode{Key: n.Key, Type: n.Type, Title: n.Title, Config: n.Config}
		if n.UpstreamID != "" {
			made.Upstream, made.Branch = keys[n.UpstreamID], n.BranchIndex
			if made.Upstream == "" {
				made.Upstream = "number " + string(n.UpstreamID) // found missing where places are checked
			}
		}
		p.Nodes = append(p.Nodes, made)
	}
	return p
}

func badFile(format string, args ...any) error {
	return fault.Fields(map[string]string{"file": fmt.Sprintf(format, args...)})
}

// unreadableFile says at which line JSON is wrong, and what is.
func unreadableFile(raw []byte, above int, err error) error {
	line := func(offset int64) int { return above + lineOf(raw, offset) }
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		if e.Offset >= int64(len(raw)) {
			return badFile("Line %d: the file breaks off. It was cut short; export it again.", line(int64(len(raw))))
		}
		return badFile("Line %d: this is not JSON: %s.", line(e.Offset), strings.TrimPrefix(e.Error(), "json: "))
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		kind := map[string]string{"string": "a text", "bool": "true or false", "int": "a whole number", "slice": "a list"}[e.Type.Kind().String()]
		if kind == "" {
			kind = "an object"
		}
		return badFile("Line %d: “%s” must be %s, not %s.", line(e.Offset), e.Field, kind, e.Value)
	}
	return badFile("The file cannot be read: %s.", err)
}

// lineOf is the line, from 1, in which a byte of raw stands.
func lineOf(raw []byte, offset int64) int {
	return 1 + bytes.Count(raw[:min(max(offset-1, 0), int64(len(raw)))], []byte("\n"))
}
