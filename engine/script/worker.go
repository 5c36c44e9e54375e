package script

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/dop251/goja"

	"alur/engine/lru"
)

// Work is the child: it answers requests from in until that ends. args are
// those of the command line.
func Work(args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("script-worker", flag.ContinueOnError)
	zone := flags.String("zone", "", "time zone of dates; empty: the machine's")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := setZone(*zone); err != nil {
		return err
	}
	runtime.GOMAXPROCS(1) // a child works on one thing at a time
	if err := confine(); err != nil {
		return fmt.Errorf("limit a script process: %w", err)
	}
	w := &worker{programs: lru.New[string, *goja.Program](keptPrograms)}
	return w.serve(bufio.NewReader(in), out)
}

// setZone makes dates mean in a child what they mean in its parent.
func setZone(name string) error {
	if name == "" {
		_ = time.Local.String() // reads the zone while files can be opened
		return nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return err
	}
	time.Local = zone
	return nil
}

const (
	keptPrograms = 16
	heapKept     = 48 << 20 // bytes that may stay allocated between requests
)

// worker is the state of a child.
type worker struct {
	source   string // of the last request
	programs *lru.Cache[string, *goja.Program]
	machine  *machine // of an expression library
}

func (w *worker) serve(in io.Reader, out io.Writer) error {
	res := response{} // ready
	for {
		res.Retire = res.Retire || cpuTime() > cpuEnough
		frame, err := newFrame(res)
		if errors.Is(err, errFrame) {
			frame, err = newFrame(response{Error: &problem{Limit: LimitOutput, Message: "Error: the result is larger than 16 MB"}, Retire: res.Retire})
		}
		if err != nil {
			return err
		}
		if _, err := out.Write(frame); err != nil || res.Retire {
			return err
		}
		if w.machine == nil && heap() > heapKept {
			runtime.GC() // every run begins with the memory it was promised
		}
		text, err := readFrame(in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var req request
		if err := json.Unmarshal(text, &req); err != nil {
			return fmt.Errorf("read a request: %w", err)
		}
		res = w.apart(req)
	}
}

// apart answers in a goroutine of its own: a deep recursion's stack goes away
// with it.
func (w *worker) apart(req request) response {
	answer := make(chan response, 1)
	go func() { answer <- w.answer(req) }()
	return <-answer
}

func (w *worker) answer(req request) response {
	if req.Source != nil {
		w.source = *req.Source
	}
	switch req.Do {
	case doScript:
		return w.run(req)
	case doLoad:
		if err := confineLibrary(); err != nil {
			return response{Error: &problem{Message: err.Error()}, Retire: true}
		}
		m, err := newMachine(req.Library)
		if err != nil {
			return response{Error: &problem{Message: err.Error()}, Retire: true}
		}
		w.machine = m
		debug.FreeOSMemory() // loading leaves as much again
		return response{}
	}
	if w.machine == nil {
		return response{Error: &problem{Message: "no library is loaded"}, Retire: true}
	}
	return w.machine.answer(req, w.source)
}
