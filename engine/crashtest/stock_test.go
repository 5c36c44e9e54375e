package crashtest_test

import (
	"sync"
	"testing"

	"alur/engine/crashtest"
	"alur/engine/pgtest"
)

const (
	orders = 200
	stock  = 300 // of about 600 units ordered
)

// shop is a database with the sample "orders".
func shop(t *testing.T) (w *workshop, url string) {
	t.Helper()
	url = pgtest.NewURL(t)
	w = newWorkshop(t, url)
	w.sample("orders")
	return w, url
}

// open starts servers on a shop, and stocks a product.
func open(t *testing.T, url string, servers int) (all []client, product int64) {
	t.Helper()
	for range servers {
		s := crashtest.Start(t, crashtest.Options{Wait: true, Env: append([]string{"DATABASE_URL=" + url, "DATA_DIR=" + crashtest.Dir(t), "WORKERS=8"}, account...)})
		all = append(all, signIn(t, s.URL))
	}
	var made struct{ ID int64 }
	if err := all[0].post(t.Context(), "products:create", map[string]any{"name": "Chair", "price": 2, "stock": stock}, &made); err != nil {
		t.Fatal(err)
	}
	return all, made.ID
}

// place orders 1 to 5 units at a time, with so many clients at once.
func place(t *testing.T, all []client, atOnce int, collection string, product int64) {
	t.Helper()
	var group sync.WaitGroup
	numbers := make(chan int)
	for i := range atOnce {
		group.Go(func() {
			for n := range numbers {
				err := all[i%len(all)].post(t.Context(), collection+":create", map[string]any{"productId": product, "quantity": n%5 + 1}, nil)
				if err != nil {
					t.Errorf("order %d: %v", n, err)
				}
			}
		})
	}
	for n := range orders {
		numbers <- n
	}
	close(numbers)
	group.Wait()
}

// TestStockAsync places orders on one product in two processes with eight
// workers each. Every order reads the stock, decides, and writes it back.
func TestStockAsync(t *testing.T) {
	t.Parallel()
	w, url := shop(t)
	all, product := open(t, url, 2)
	place(t, all, 16, "orders", product)
	w.awaitQuiet()
	checkStock(t, w, product)
}

// TestStockSync does the same inside of the requests.
func TestStockSync(t *testing.T) {
	t.Parallel()
	w, url := shop(t)
	w.collection(`{"name": "sales", "title": "Sales", "fields": [
		{"name": "product", "type": "belongsTo", "title": "Product", "target": "products", "foreignKey": "productId"},
		{"name": "quantity", "type": "integer", "title": "Quantity"}, {"name": "status", "type": "string", "title": "Status"}]}`)
	w.workflow(`{"collection": "sales", "mode": 1}`, true,
		step{"query", "product", `{"collection": "products", "multiple": false, "params": {"filter": {"$and": [{"id": {"$eq": "{{$context.data.productId}}"}}]}}}`},
		step{"condition", "enough", `{"rejectOnFalse": false, "engine": "basic", "calculation": {"group": {"type": "and", "calculations": [
			{"calculator": "gte", "operands": ["{{$jobsMapByNodeKey.product.stock}}", "{{$context.data.quantity}}"]}]}}}`},
		step{"calculation", "left", `{"engine": "math.js", "expression": "{{$jobsMapByNodeKey.product.stock}} - {{$context.data.quantity}}"}`},
		step{"update", "deduct", `{"collection": "products", "params": {"individualHooks": false,
			"filter": {"$and": [{"id": {"$eq": "{{$jobsMapByNodeKey.product.id}}"}}]}, "values": {"stock": "{{$jobsMapByNodeKey.left}}"}}}`},
		step{"update", "sold", `{"collection": "sales", "params": {"individualHooks": false,
			"filter": {"$and": [{"id": {"$eq": "{{$context.data.id}}"}}]}, "values": {"status": "sold"}}}`},
	)
	all, product := open(t, url, 1)
	place(t, all, 8, "sales", product)
	w.awaitQuiet() // nothing is open: they ran inside of the requests
	var left, sold, unsound int
	w.get(&left, "SELECT stock FROM public.products WHERE id = $1", product)
	w.get(&sold, "SELECT coalesce(sum(quantity), 0) FROM public.sales WHERE status = 'sold'")
	w.get(&unsound, "SELECT count(*) FROM public.sales WHERE status IS NULL AND quantity <= $1", left)
	if left != stock-sold || left < 0 || unsound != 0 || sold < stock-5 {
		t.Errorf("%d of %d left after selling %d; %d orders that would fit were passed over", left, stock, sold, unsound)
	}
}

// checkStock looks at the sum, and at each refusal: the stock that the order met
// was really too small.
func checkStock(t *testing.T, w *workshop, product int64) {
	t.Helper()
	var left, sold, decided, failed, wronged int
	w.get(&left, "SELECT stock FROM public.products WHERE id = $1", product)
	w.get(&sold, "SELECT coalesce(sum(quantity), 0) FROM public.orders WHERE product_id = $1 AND status = 'confirmed' AND total = 2 * quantity", product)
	w.get(&decided, "SELECT count(*) FROM public.orders WHERE product_id = $1 AND status IN ('confirmed', 'refused')", product)
	w.get(&failed, "SELECT count(*) FROM alur.executions WHERE status <> 1")
	w.get(&wronged, `
		SELECT count(*) FROM public.orders o
		JOIN alur.executions e ON (e.context #>> '{data,id}')::bigint = o.id
		JOIN alur.jobs j ON j.execution_id = e.id AND j.node_key = 'product'
		WHERE o.product_id = $1 AND (o.status = 'refused') <> (o.quantity > (j.result ->> 'stock')::int)`, product)
	if left != stock-sold || left < 0 {
		t.Errorf("%d of %d left after selling %d", left, stock, sold)
	}
	if decided != orders || failed != 0 || wronged != 0 {
		t.Errorf("%d of %d orders decided, %d executions failed, %d decisions against the stock they met", decided, orders, failed, wronged)
	}
}
