package handlers

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/triggers"
	"alur/views"
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
	vm := views.RunForm{Workflow: workflowTitle(d.w.Title), Back: d.url(), Action: d.url() + "/run", Problem: problem, Record: &views.RecordField{},
		Help: "As if it had just been saved. A condition of the trigger counts."}
	if d.w.Type == "schedule" {
		vm.Help = "As if its time had come."
	}
	if !d.startsWithRecord() {
		vm.Record = nil
		return render(d.c, status, views.RunPage(vm), nil)
	}
	var config struct{ Collection string }
	_ = json.Unmarshal(d.w.Config, &config) // foreign shapes have none
	coll, err := d.h.records.Collection(d.c.Request().Context(), strings.TrimPrefix(config.Collection, "main:"))
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

// startsWithRecord reports whether the trigger hands a record to the workflow.
func (d *desk) startsWithRecord() bool {
	var config struct{ Mode int }
	_ = json.Unmarshal(d.w.Config, &config)
	return d.w.Type != "schedule" || config.Mode == triggers.AtRecords
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
	if d.startsWithRecord() {
		id, err := strconv.ParseFloat(record, 64)
		if err != nil {
			return d.renderRun(http.StatusUnprocessableEntity, "", "", "Choose the record to start with.")
		}
		values["data"] = id
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
