package handlers

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/views"
	"alur/views/triggerforms"
)

// askRun asks for the record to start a workflow with.
func (h *workflows) askRun(c echo.Context) error {
	d, err := h.openFor(c, auth.Operator)
	if err != nil {
		return err
	}
	return d.renderRun(http.StatusOK, c.QueryParam("record"), "", "")
}

func (d *desk) renderRun(status int, record, search, problem string) error {
	vm := views.RunForm{Workflow: workflowTitle(d.w.Title), Back: d.url(), Action: d.url() + "/run", Problem: problem, Help: triggerforms.ByHand(d.w.Type)}
	of, asked := d.startsWithRecord()
	if !asked {
		return render(d.c, status, views.RunPage(vm), nil)
	}
	vm.Record = &views.RecordField{}
	coll, err := d.h.records.Collection(d.c.Request().Context(), of)
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.Invalid, "This workflow has no collection yet whose record could start it. Choose one in its trigger.")
	}
	if err != nil {
		return err
	}
	vm.Record.Field = views.Field{Name: "record", Label: coll.Title, Required: true, Focus: true}
	pick := &records{store: d.h.records, db: d.h.engine.DB}
	if err := pick.picker(d.c, &collection.Field{Target: coll.Name}, vm.Record, record, search); err != nil {
		return err
	}
	return render(d.c, status, views.RunPage(vm), nil)
}

// startsWithRecord reports whether a start by hand needs a record, and of which
// collection.
func (d *desk) startsWithRecord() (of string, asked bool) {
	kind := engine.LookupTrigger(d.w.Type)
	starter, ok := kind.(engine.Starter)
	if !ok {
		return "", false
	}
	config, problems := kind.Decode(d.w.Config)
	if len(problems) > 0 {
		return "", false
	}
	return starter.Asks(config)
}

// run starts the workflow and leads to its execution.
func (h *workflows) run(c echo.Context) error {
	d, err := h.openFor(c, auth.Operator)
	if err != nil {
		return err
	}
	record := c.FormValue("record")
	if c.FormValue("_find") != "" {
		return d.renderRun(http.StatusOK, record, c.FormValue("_search.record"), "")
	}
	values := map[string]any{}
	if _, asked := d.startsWithRecord(); asked {
		if record == "" {
			return d.renderRun(http.StatusUnprocessableEntity, "", "", "Choose the record to start with.")
		}
		values["data"] = record
	}
	x, started, err := h.engine.Execute(c.Request().Context(), actor(c), d.w.ID, values)
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind == fault.Invalid {
		return d.renderRun(http.StatusUnprocessableEntity, record, "", f.Msg)
	}
	if err != nil {
		return err
	}
	if !started {
		return d.renderRun(http.StatusUnprocessableEntity, record, "", "This record does not meet the condition of the trigger. Choose another, or change the condition.")
	}
	return done(c, executionURL(x.ID), "")
}
