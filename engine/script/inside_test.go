package script

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// Keys take turns, and one key never has all places.
func TestTurns(t *testing.T) {
	t.Parallel()
	turns := newTurns(3, 2)
	ctx := t.Context()
	got := make(chan string, 100)
	waits := func(key string) {
		before := waiting(turns)
		go func() {
			if turns.take(ctx, key) == nil {
				got <- key
			}
		}()
		for waiting(turns) == before {
		}
	}
	for range 2 {
		if err := turns.take(ctx, "flood"); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		waits("flood")
	}
	if err := turns.take(ctx, "other"); err != nil { // the place that a flood cannot have
		t.Fatal(err)
	}
	waits("other")
	waits("third")
	for _, give := range []string{"flood", "other", "flood"} {
		turns.give(give)
	}
	counts := map[string]int{}
	for range 3 {
		counts[<-got]++
	}
	if want := map[string]int{"flood": 1, "other": 1, "third": 1}; !reflect.DeepEqual(counts, want) {
		t.Errorf("the next three are %v, want %v", counts, want)
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if err := turns.take(canceled, "late"); err == nil {
		t.Error("a canceled request got a place")
	}
	for range 5 {
		for key := range counts {
			if turns.heldBy(key) > 0 {
				turns.give(key)
			}
		}
		for len(got) > 0 {
			counts[<-got]++
		}
	}
	if waiting(turns) > 4 {
		t.Errorf("%d still wait", waiting(turns))
	}
}

func waiting(t *turns) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, list := range t.waiting {
		n += len(list)
	}
	return n
}

func (t *turns) heldBy(key string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.held[key]
}

// What a child sends, whatever it is, neither stops nor fills the parent.
func FuzzResponse(f *testing.F) {
	for _, seed := range []string{"{}", `{"value": [1], "returned": true}`, `{"error": {"message": "m", "limit": "time", "line": 3}}`, `{"value": ` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}`, "null", "[", ""} {
		frame, err := newFrame(json.RawMessage(seed))
		if err != nil {
			frame = append([]byte{0, 0, 0, byte(len(seed))}, seed...)
		}
		f.Add(frame)
	}
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, '{'})
	f.Fuzz(func(t *testing.T, stream []byte) {
		text, err := readFrame(bytes.NewReader(stream))
		if err != nil {
			return
		}
		if len(text) > len(stream) {
			t.Fatalf("%d bytes became %d", len(stream), len(text))
		}
		res, err := decodeResponse(text)
		if err != nil {
			return
		}
		if _, err := decodeValue(res.Value); err != nil {
			t.Fatalf("%q is no value: %v", res.Value, err)
		}
	})
}

// Frames keep their borders.
func TestFrames(t *testing.T) {
	t.Parallel()
	var stream bytes.Buffer
	for i := range 3 {
		frame, err := newFrame(strings.Repeat("x", i*1000))
		if err != nil {
			t.Fatal(err)
		}
		stream.Write(frame)
	}
	for i := range 3 {
		text, err := readFrame(&stream)
		if want := strconv.Quote(strings.Repeat("x", i*1000)); err != nil || string(text) != want {
			t.Errorf("frame %d is %.20q (%v)", i, text, err)
		}
	}
	if _, err := readFrame(&stream); err != io.EOF {
		t.Errorf("the end is %v", err)
	}
	if _, err := newFrame(strings.Repeat("x", maxFrame)); err != errFrame {
		t.Errorf("a frame over the limit gives %v", err)
	}
	if _, err := readFrame(strings.NewReader("\xff\xff\xff\xff")); err != errFrame {
		t.Errorf("a length over the limit gives %v", err)
	}
	if _, err := readFrame(strings.NewReader("\x00\x00\x00\x09{}")); err == nil {
		t.Error("half a frame is one")
	}
}
