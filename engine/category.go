package engine

import (
	"context"
	"fmt"

	"github.com/lib/pq"

	"alur/engine/auth"
	"alur/engine/pg"
)

// Category is a label that people sort workflows by. Categories are records of the
// collection workflowCategories and are changed as such.
type Category struct {
	ID        int64  `db:"id"`
	Title     string `db:"title"`
	Color     string `db:"color"`     // a word, "default" for none
	Workflows int    `db:"workflows"` // how many have it
}

// Categories lists all categories in the order that people gave them.
func (e *Engine) Categories(ctx context.Context, actor auth.Actor) ([]Category, error) {
	if err := actor.Require(auth.UseWorkflows); err != nil {
		return nil, err
	}
	var list []Category
	if err := e.DB.SelectContext(ctx, &list, workflowQueries.Get("categories")); err != nil {
		return nil, fmt.Errorf("list categories: %w", err)
	}
	return list, nil
}

// CategoriesOf returns the ids of a version's categories.
func (e *Engine) CategoriesOf(ctx context.Context, actor auth.Actor, id int64) ([]int64, error) {
	if _, _, err := e.open(ctx, e.DB, actor, id, auth.Viewer); err != nil {
		return nil, err
	}
	var ids []int64
	if err := e.DB.SelectContext(ctx, &ids, workflowQueries.Get("categories_of"), id); err != nil {
		return nil, fmt.Errorf("read the categories of workflow %d: %w", id, err)
	}
	return ids, nil
}

// Categorize gives all versions of a workflow these categories and no others.
// Those that do not exist (any more) are passed over.
func (e *Engine) Categorize(ctx context.Context, actor auth.Actor, id int64, categories []int64) error {
	_, err := e.change(ctx, actor, id, func(ctx context.Context, tx *pg.Tx, w *Workflow, _ []Node) error {
		var versions []int64
		query, args := auth.System.Reach(auth.Viewer).Query(workflowQueries.Get("lock_key"), id)
		if err := tx.SelectContext(ctx, &versions, query, args...); err != nil {
			return err
		}
		return categorize(ctx, tx, versions, categories)
	})
	if err != nil {
		return fmt.Errorf("categorize workflow %d: %w", id, err)
	}
	return nil
}

func categorize(ctx context.Context, tx *pg.Tx, versions, categories []int64) error {
	if categories == nil {
		categories = []int64{}
	}
	_, err := tx.ExecContext(ctx, workflowQueries.Get("categorize"), pq.Array(versions), pq.Array(categories))
	return err
}
