package engine

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"alur/engine/node"
)

// span begins a span around what happens to workflows; without a tracer it costs
// nothing. end it with what it came to.
func (e *Engine) span(ctx context.Context, name string, attrs ...attribute.KeyValue) (context.Context, func(error)) {
	if e.Tracer == nil {
		return ctx, func(error) {}
	}
	ctx, s := e.Tracer.Start(ctx, name, trace.WithAttributes(attrs...))
	return ctx, func(err error) {
		if err != nil {
			s.SetStatus(codes.Error, err.Error())
		}
		s.End()
	}
}

// stepSpan begins a span around one run of a node.
func (r *run) stepSpan(ctx context.Context, in *instruction, s *node.Step) (context.Context, func(node.Outcome, error)) {
	if r.e.Tracer == nil {
		return ctx, func(node.Outcome, error) {}
	}
	ctx, span := r.e.Tracer.Start(ctx, in.Type, trace.WithAttributes(
		attribute.Int64("alur.execution_id", s.ExecutionID), attribute.Int64("alur.workflow_id", s.WorkflowID),
		attribute.String("alur.workflow", s.WorkflowKey), attribute.String("alur.node", s.NodeKey), attribute.Int("alur.attempt", s.Attempt)))
	return ctx, func(out node.Outcome, err error) {
		span.SetAttributes(attribute.Int("alur.status", int(out.Status)))
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
}
