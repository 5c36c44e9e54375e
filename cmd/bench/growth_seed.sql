-- name: executions
-- $1 executions of the workflows $2 with the keys $3 over the two years before
-- $4: four fifths evenly, most others in the last week, and 2 % in the last day.
-- The first workflow has half of them, the others share the rest unevenly, and
-- the last one has not run for more than a year. Of each workflow the newest
-- version runs. $5 is the worker number in the ids.
--
-- Each is about an order, with a note of words that are common or rare: "deliver"
-- is in all, "urgent" in 2 %, "recall" in one of a thousand, "zanzibar" in one of
-- 50,000. Most records have ten executions, the record 7 has one of a hundred.
INSERT INTO alur.executions (id, workflow_id, key, event_key, context, status, reason, fence, segments, created_by, created_at, started_at, ended_at)
SELECT r.id, (CAST($2 AS bigint[]))[r.w], (CAST($3 AS text[]))[r.w], concat('seed-', r.i),
       jsonb_build_object('data', jsonb_build_object(
           'id', CASE WHEN r.i % 100 = 5 THEN 7 ELSE r.i % 100000 END, 'row', r.i, 'a', r.i % 100, 'b', r.i % 7, 'c', NULL, 'createdAt', r.at, 'updatedAt', r.at,
           'createdById', r.person, 'updatedById', NULL, 'status', 'new', 'number', concat('ORD-', extract(year FROM r.at), '-', lpad(CAST(r.i AS text), 7, '0')),
           'customer', jsonb_build_object('id', 1 + (r.h / 11) % 20000, 'name', concat(r.first, ' ', r.last), 'city', r.city,
               'email', lower(concat(r.first, '.', r.last, (r.h / 11) % 20000, '@example.test')), 'phone', concat('+49 341 ', lpad(CAST((r.h / 11) % 20000 * 37 AS text), 7, '0'))),
           'product', jsonb_build_object('id', 1 + r.h % 40, 'name', concat(r.product, ' ', 10 + r.h % 40), 'price', 9.9 + r.h % 40 * 30),
           'quantity', 1 + r.h % 12, 'total', (1 + r.h % 12) * (9.9 + r.h % 40 * 30),
           'note', concat('Please deliver ', r.n1, ' ', r.n2, ' and ', r.n3, ' ', r.n4, '. ', r.n5, ' ', r.n6, ' ', r.n7, '.',
               CASE WHEN r.i % 50 = 13 THEN ' This is urgent.' END, CASE WHEN r.i % 1000 = 77 THEN ' Recall of the batch.' END,
               CASE WHEN r.i % 50000 = 123 THEN ' Ship it to Zanzibar.' END))),
       r.status, CASE r.status WHEN -3 THEN 'manual_cancel' END, 1, 1, r.person, r.at, r.at + interval '20 ms',
       CASE WHEN r.status <> 0 THEN r.at + interval '20 ms' + r.took END
FROM (
    SELECT p.i, p.at, p.h, 1 + p.h % 499 * (p.h / 500 % 7) % 200 AS person,
           (CAST('{Anna,Ben,Clara,David,Elif,Felix,Greta,Hassan,Ines,Jonas,Karin,Luca,Mia,Nora,Omar,Paula,Quentin,Rosa,Samir,Tomas}' AS text[]))[1 + p.h / 3 % 20] AS first,
           (CAST('{Keller,Schmidt,Okafor,Meyer,Novak,Rossi,Lindqvist,Haas,Petrov,Yilmaz,Weber,Costa,Dubois,Fischer,Garcia,Hansen,Ivanova,Jansen,Kowalski,Larsen}' AS text[]))[1 + p.h / 67 % 20] AS last,
           (CAST('{Leipzig,Bremen,Basel,Graz,Lyon,Turin,Malaga,Porto,Gent,Odense,Tampere,Brno}' AS text[]))[1 + p.h / 1009 % 12] AS city,
           (CAST('{Desk,Lamp,Chair,Shelf,Monitor,Keyboard,Cabinet,Printer}' AS text[]))[1 + p.h % 8] AS product,
           v.words[1 + p.h / 5 % 60] AS n1, v.words[1 + p.h / 7 % 60] AS n2, v.words[1 + p.h / 13 % 60] AS n3, v.words[1 + p.h / 17 % 60] AS n4,
           v.words[1 + p.h / 23 % 60] AS n5, v.words[1 + p.h / 29 % 60] AS n6, v.words[1 + p.h / 31 % 60] AS n7,
           (CAST(extract(epoch FROM date_trunc('second', p.at)) AS bigint) - 1605024000) * 2097152 + $5 * 65536 + p.i % 65536 AS id,
           CASE WHEN p.i < $1 / 3 AND p.i % 1000 = 7 THEN 30
                WHEN p.h % 2 = 0 THEN 1
                ELSE 2 + CAST(floor(27.99 * power((p.h / 2 % 10000) / 10000.0, 2)) AS integer) END AS w,
           CASE WHEN p.h2 < 9200 THEN 1 WHEN p.h2 < 9500 THEN -2 WHEN p.h2 < 9700 THEN -1
                WHEN p.h2 < 9850 THEN -5 WHEN p.h2 < 9970 THEN -3 WHEN p.h2 < 9975 THEN -6 ELSE 0 END AS status,
           CASE WHEN p.h3 < 9000 THEN p.h3 * interval '0.1 ms'
                WHEN p.h3 < 9800 THEN (p.h3 - 9000) * interval '20 ms'
                WHEN p.h3 < 9950 THEN (p.h3 - 9800) * interval '1 min'
                ELSE (p.h3 - 9950) * interval '4 h' END AS took
    FROM (
        SELECT i, h, abs(hashint8(i + 17)) % 10000 AS h2, abs(hashint8(i + 170001)) % 10000 AS h3,
               CAST($4 AS timestamptz) - CASE
                   WHEN i < $1 * 0.8 THEN interval '7 days' + (1 - i / ($1 * 0.8)) * interval '723 days'
                   WHEN i < $1 * 0.98 THEN interval '1 day' + (1 - (i - $1 * 0.8) / ($1 * 0.18)) * interval '6 days'
                   ELSE (1 - (i - $1 * 0.98) / ($1 * 0.02)) * interval '1 day' END AS at
        FROM generate_series(0, CAST($1 AS bigint) - 1) i, LATERAL (SELECT abs(CAST(hashint8(i) AS bigint)) AS h) x) p,
        (SELECT CAST('{before,after,noon,morning,evening,to,the,back,front,door,office,storage,yard,ring,twice,call,ahead,leave,with,neighbor,porter,reception,second,floor,ground,stairs,lift,broken,fragile,heavy,paint,glass,keep,dry,upright,return,old,one,packaging,invoice,copy,separate,address,cost,center,budget,approved,by,sales,marketing,finance,project,spring,summer,autumn,winter,sample,spare,parts,warranty}' AS text[]) AS words) v) r

-- name: jobs
-- Four jobs for each execution, of nodes that the workflow has; every one in
-- 100,000 is a long one and has 2,000. What is not over has its last job open,
-- what failed has the cause there.
INSERT INTO alur.jobs (id, execution_id, node_id, node_key, status, result, started_at, ended_at)
SELECT (x.id & ~CAST(2097151 AS bigint)) + $3 * 65536 + (x.i * 4 + s.n) % 65536, x.id, n.ids[(s.n - 1) % 3 + 1], n.keys[(s.n - 1) % 3 + 1],
       CASE WHEN s.n < s.most THEN 1 ELSE x.status END,
       CASE WHEN s.n = s.most AND x.status < 0 THEN jsonb_build_object('message', concat('The order ', x.i % 50, ' could not be written.'))
            WHEN s.n = 2 THEN jsonb_build_object('stock', x.i % 700, 'shelf', concat('R', x.i % 40, '-', x.i % 13), 'product', x.context -> 'data' -> 'product')
            ELSE to_jsonb(s.n * 3) END,
       x.started_at + s.n * interval '1 ms', CASE WHEN s.n < s.most OR x.status <> 0 THEN x.started_at + s.n * interval '2 ms' END
FROM (SELECT id, workflow_id, status, started_at, context, CAST(context -> 'data' ->> 'row' AS bigint) AS i
      FROM alur.executions WHERE id > $1 AND id <= $2) x
JOIN (SELECT workflow_id, array_agg(id ORDER BY id) AS ids, array_agg(key ORDER BY id) AS keys
      FROM alur.flow_nodes GROUP BY workflow_id) n ON n.workflow_id = x.workflow_id
CROSS JOIN LATERAL (
    SELECT n, m.most
    FROM (SELECT CASE WHEN x.i % 100000 = 99999 THEN 2000 ELSE 4 END AS most) m,
         generate_series(1, m.most) n) s

-- name: places
-- Where to look.
SELECT (SELECT key FROM alur.workflows WHERE current AND title LIKE 'Growth%' ORDER BY title LIMIT 1) AS first,
       (SELECT key FROM alur.workflows WHERE current AND title LIKE 'Growth%' ORDER BY title DESC LIMIT 1) AS last,
       (SELECT id FROM alur.executions WHERE id > $1 ORDER BY id LIMIT 1) AS middle,
       (SELECT id FROM alur.executions ORDER BY id OFFSET 100 LIMIT 1) AS old,
       (SELECT id FROM alur.executions WHERE status = -2 ORDER BY id DESC LIMIT 1) AS recent,
       (SELECT execution_id FROM (SELECT id FROM alur.executions WHERE id > $1 ORDER BY id LIMIT 200000) x
        JOIN alur.jobs j ON j.execution_id = x.id GROUP BY 1 ORDER BY count(*) DESC LIMIT 1) AS long
