package cmd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"alur/handlers"
)

// tracing returns where spans go, nil when the standard variables of
// OpenTelemetry name no endpoint. stop sends what is left.
func (p *program) tracing(ctx context.Context) (t trace.Tracer, stop func(), err error) {
	if p.env("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && p.env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" {
		return nil, func() {}, nil
	}
	exporter, err := otlptracehttp.New(ctx) // reads the variables itself
	if err != nil {
		return nil, nil, fmt.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT cannot be used: %w", err)
	}
	name := p.env("OTEL_SERVICE_NAME")
	if name == "" {
		name = "alur"
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", name), attribute.String("service.version", version()))))
	return provider.Tracer("alur"), func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = provider.Shutdown(ctx) // spans are no reason to fail
	}, nil
}

// monitor answers scrapes and probes on METRICS_LISTEN, when it is set, until
// stop is called. Once ctx ends it says that the process is not ready: whoever
// routes requests learns of a stop while the work under way is finished.
func (a *app) monitor(ctx context.Context) (stop func(), err error) {
	if a.config.MetricsListen == "" {
		return func() {}, nil
	}
	listener, err := net.Listen("tcp", a.config.MetricsListen)
	if err != nil {
		return nil, fmt.Errorf("cannot answer on %s (%w). Stop the program that uses the address, or choose another with METRICS_LISTEN", a.config.MetricsListen, errors.Unwrap(err))
	}
	ready := func(r context.Context) string {
		if ctx.Err() != nil {
			return "the process stops"
		}
		r, cancel := context.WithTimeout(r, 2*time.Second)
		defer cancel()
		if a.db.Ping(r) != nil {
			return "the database does not answer"
		}
		return handlers.NoRoom(a.engine.Exhausted())
	}
	server := &http.Server{
		Handler:           handlers.Monitor(listener.Addr().String(), a.metrics.Handler(), ready),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
	}
	a.log.InfoContext(ctx, "monitoring", "address", listener.Addr().String())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			a.log.ErrorContext(ctx, "scrapes and probes are not answered any more", "err", err)
		}
	}()
	return func() {
		_ = server.Close()
		<-ended
	}, nil
}
