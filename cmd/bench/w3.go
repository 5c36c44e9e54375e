package main

import (
	"fmt"
	"time"
)

const (
	w3Clients = 8
	w3Time    = 8 * time.Second
	w3Stock   = 1_000_000

	w3Products = `{"name": "benchProducts", "title": "Products", "fields": [{"name": "stock", "type": "integer", "title": "Stock"}]}`
	w3Orders   = `{"name": "benchOrders", "title": "Orders", "fields": [
		{"name": "product", "type": "belongsTo", "title": "Product", "target": "benchProducts", "foreignKey": "productId"},
		{"name": "quantity", "type": "integer", "title": "Quantity"}]}`
	w3Trigger = `{"collection": "benchOrders", "mode": 1, "rollbackOnFailure": true}`
)

var w3Steps = []step{
	{"query", "product", `{"collection": "benchProducts", "multiple": false, "params": {"filter": {"$and": [{"id": {"$eq": "{{$context.data.productId}}"}}]}}}`},
	{"condition", "enough", `{"rejectOnFalse": false, "engine": "basic", "calculation": {"group": {"type": "and", "calculations": [
		{"calculator": "gte", "operands": ["{{$jobsMapByNodeKey.product.stock}}", "{{$context.data.quantity}}"]}]}}}`},
	{"calculation", "left", `{"engine": "math.js", "expression": "{{$jobsMapByNodeKey.product.stock}} - {{$context.data.quantity}}"}`},
	{"update", "deduct", `{"collection": "benchProducts", "params": {"individualHooks": false,
		"filter": {"$and": [{"id": {"$eq": "{{$jobsMapByNodeKey.product.id}}"}}]}, "values": {"stock": "{{$jobsMapByNodeKey.left}}"}}}`},
}

// w3 is a synchronous workflow: order created → query the product → condition →
// new stock → update, all clients on one product.
func (b *bench) w3() error {
	l, err := b.local()
	if err != nil {
		return err
	}
	defer l.close()
	products, err := l.define(b.ctx, w3Products)
	if err != nil {
		return err
	}
	if _, err := l.define(b.ctx, w3Orders); err != nil {
		return err
	}
	if _, err := l.build(b.ctx, "W3", w3Trigger, true, w3Steps); err != nil {
		return err
	}
	insert := fmt.Sprintf("INSERT INTO %s (id, stock, created_at, updated_at) VALUES (1, $1, now(), now())", table(products))
	if _, err := l.db.ExecContext(b.ctx, insert, w3Stock); err != nil {
		return err
	}
	s, err := b.serve()
	if err != nil {
		return err
	}
	defer s.stop()
	began := time.Now()
	created, delays, err := s.clients(w3Clients, w3Time, func(c *client, _ int) error {
		return c.create("benchOrders", map[string]any{"product": 1, "quantity": 1})
	})
	if err != nil {
		return err
	}
	b.result("W3", "http", rate(created, time.Since(began)), "exec/s", true)
	b.result("W3", "p99", delays.percentile(99), "ms", false)
	var stock int
	if err := l.db.GetContext(b.ctx, &stock, fmt.Sprintf("SELECT stock FROM %s WHERE id = 1", table(products))); err != nil {
		return err
	}
	if stock != w3Stock-created {
		return fmt.Errorf("the stock is %d after %d orders, it should be %d", stock, created, w3Stock-created)
	}
	return l.clear(b.ctx)
}
