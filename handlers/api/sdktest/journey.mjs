// A program as people write them for the reference. It ends with an error at the
// first answer that its authors would not expect.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const { APIClient } = createRequire(process.env.ALUR_LIBRARY + '/')('@nocobase/sdk');

const client = () => new APIClient({ baseURL: process.env.ALUR_URL + '/api' });
const api = client();

// refused runs a call that has to fail and returns status and errors.
async function refused(client, call) {
  try {
    await call();
  } catch (error) {
    assert.ok(error.response, String(error));
    return { status: error.response.status, errors: client.toErrMessages(error) };
  }
  assert.fail('the call went through');
}

const data = (response) => response.data.data;

// ── Signing in ──

const nobody = await refused(api, () => api.resource('workflows').list());
assert.equal(nobody.status, 401);
assert.equal(nobody.errors[0].code, 'EMPTY_TOKEN');
const wrong = await refused(api, () => api.auth.signIn({ account: process.env.ALUR_ACCOUNT, password: 'not this one at all' }, 'basic'));
assert.equal(wrong.status, 401);
const signed = await api.auth.signIn({ account: process.env.ALUR_ACCOUNT, password: process.env.ALUR_PASSWORD }, 'basic');
assert.ok(data(signed).token);
assert.equal(api.auth.token, data(signed).token);
const me = data(await api.request({ url: 'auth:check' }));
assert.equal(me.email, process.env.ALUR_ACCOUNT);
assert.equal(me.password, undefined);

// ── Collections and fields ──

await api.resource('collections').create({
  values: {
    name: 'posts', title: 'Posts', autoGenId: true, createdAt: true, updatedAt: true, createdBy: true, updatedBy: true,
    fields: [
      { name: 'title', type: 'string', interface: 'input', allowNull: false, unique: true, uiSchema: { type: 'string', title: 'Title', 'x-component': 'Input' } },
      { name: 'read', type: 'integer', interface: 'integer', defaultValue: 0 },
      { name: 'published', type: 'boolean', interface: 'checkbox' },
      { name: 'day', type: 'dateOnly', interface: 'date' },
    ],
  },
});
await api.resource('collections').create({ values: { name: 'comments', title: 'Comments', fields: [{ name: 'content', type: 'text', interface: 'textarea' }] } });
await api.resource('collections').create({ values: { name: 'tags', title: 'Tags', fields: [{ name: 'name', type: 'string', interface: 'input' }] } });
await api.resource('collections.fields', 'posts').create({ values: { name: 'comments', type: 'hasMany', interface: 'o2m', target: 'comments', foreignKey: 'postId' } });
await api.resource('collections.fields', 'posts').create({ values: { name: 'tags', type: 'belongsToMany', interface: 'm2m', target: 'tags', through: 'postsTags', foreignKey: 'postId', otherKey: 'tagId' } });
await api.resource('collections.fields', 'posts').create({ values: { name: 'color', type: 'string', interface: 'color' } });
const all = data(await api.resource('collections').list({ paginate: false })).map((c) => c.name);
for (const name of ['posts', 'comments', 'tags']) assert.ok(all.includes(name), name);
const meta = data(await api.request({ url: 'collections:listMeta' })).find((c) => c.name === 'posts');
assert.ok(meta.fields.some((f) => f.name === 'tags' && f.target === 'tags'));
const fields = data(await api.resource('collections.fields', 'posts').list({ paginate: false }));
assert.ok(fields.some((f) => f.name === 'color' && f.type === 'string'));

// ── Records ──

const posts = api.resource('posts');
const first = data(await posts.create({ values: { title: 'one', day: '2026-05-07', comments: [{ content: 'a' }, { content: 'b' }], tags: [{ name: 'red' }] } }));
assert.equal(first.title, 'one');
assert.equal(first.read, 0);
assert.equal(first.createdById, me.id);
const many = data(await posts.create({ values: [{ title: 'two', read: 2 }, { title: 'three', read: 3, published: true }] }));
assert.equal(many.length, 2);

const page = await posts.list({ filter: { read: { $gt: 1 } }, sort: ['-read'], fields: ['title'], page: 1, pageSize: 1 });
assert.deepEqual(data(page), [{ title: 'three' }]);
assert.deepEqual(page.data.meta, { count: 2, page: 1, pageSize: 1, totalPage: 2 });
const withComments = data(await posts.get({ filterByTk: first.id, appends: ['comments', 'tags', 'createdBy'] }));
assert.deepEqual(withComments.comments.map((c) => c.content), ['a', 'b']);
assert.equal(withComments.tags[0].name, 'red');
assert.equal(withComments.createdBy.id, me.id);
assert.equal(data(await posts.get({ filterByTk: 4711 })), null);
assert.equal(data(await posts.list({ filter: { $or: [{ 'comments.content': 'a' }, { published: { $isTruly: true } }] }, paginate: false })).length, 2);
assert.equal(data(await posts.list({ filter: { createdBy: { id: '{{$user.id}}' }, day: { $dateOn: '2026-05' } } })).length, 1);
assert.equal(data(await posts.list({ filter: { title: ['one', 'two'] }, except: ['title'] })).some((p) => 'title' in p), false);

const updated = data(await posts.update({ filterByTk: first.id, values: { read: 7 }, whitelist: ['read'] }));
assert.equal(updated[0].read, 7);
assert.equal(data(await posts.update({ filter: { read: { $lt: 4 } }, values: { published: false } })).length, 2);
assert.equal(data(await posts.firstOrCreate({ filterKeys: ['title'], values: { title: 'two', read: 9 } })).read, 2);
assert.equal(data(await posts.updateOrCreate({ filterKeys: ['title'], values: { title: 'two', read: 9 } })).read, 9);
await posts.update({ filterByTk: first.id, values: { comments: [{ id: withComments.comments[0].id, content: 'A' }, { content: 'c' }] }, updateAssociationValues: ['comments'] });
const again = data(await posts.get({ filterByTk: first.id, appends: ['comments'] }));
assert.deepEqual(again.comments.map((c) => c.content), ['A', 'c']);
assert.deepEqual(data(await posts.query({ values: { measures: [{ field: 'read', aggregation: 'sum', alias: 'sum' }] } })), [{ sum: 19 }]);

// ── Associations ──

const comments = api.resource('posts.comments', first.id);
const made = data(await comments.create({ values: { content: 'd' } }));
assert.equal(made.postId, first.id);
assert.equal((await comments.list({ sort: 'id' })).data.meta.count, 3);
assert.equal(data(await comments.get({ filterByTk: made.id })).content, 'd');
await comments.update({ filterByTk: made.id, values: { content: 'D' } });
assert.equal(data(await api.resource('comments').get({ filterByTk: made.id })).content, 'D');
await comments.remove({ filterByTk: made.id });
assert.equal((await comments.list()).data.meta.count, 2);
await comments.add({ filterByTk: made.id });
assert.equal((await comments.list()).data.meta.count, 3);
assert.equal(data(await comments.destroy({ filterByTk: made.id })), 1);

const tags = api.resource('posts.tags', first.id);
const blue = data(await tags.create({ values: { name: 'blue' } }));
assert.deepEqual(data(await tags.list({ sort: ['name'] })).map((t) => t.name), ['blue', 'red']);
await tags.set({ values: [blue.id] });
assert.deepEqual(data(await tags.list()).map((t) => t.name), ['blue']);
await tags.toggle({ filterByTk: blue.id });
assert.equal(data(await tags.list()).length, 0);
await tags.add({ values: [blue.id] });
assert.equal(data(await tags.list({ paginate: false })).length, 1);

// ── Errors ──

const invalid = await refused(api, () => posts.create({ values: { read: 'many' } }));
assert.equal(invalid.status, 400);
assert.equal(invalid.errors.length, 2);
const twice = await refused(api, () => posts.create({ values: { title: 'one' } }));
assert.equal(twice.status, 400);
assert.equal(twice.errors[0].field, 'title');
for (const call of [() => posts.update({ values: { read: 1 } }), () => posts.destroy({}), () => posts.list({ filter: { nope: 1 } })]) {
  assert.equal((await refused(api, call)).status, 400);
}
for (const call of [() => api.resource('nope').list(), () => posts.nope({}), () => api.resource('posts.comments', 4711).list()]) {
  const missing = await refused(api, call);
  assert.equal(missing.status, 404);
  assert.equal(missing.errors[0].message, 'Not Found');
}

// ── Workflows ──

const workflows = api.resource('workflows');
assert.equal((await refused(api, () => workflows.create({ values: { title: 'x' } }))).status, 400);
assert.equal((await refused(api, () => workflows.create({ values: { title: 'x', type: 'moon' } }))).status, 400);
const w = data(await workflows.create({ values: { title: 'Count', type: 'collection', sync: true, current: true, config: { mode: 1, collection: 'tags', appends: [] } } }));
assert.equal(w.enabled, false);
assert.equal(w.current, true);
const nodes = api.resource('workflows.nodes', w.id);
const n1 = data(await nodes.create({ values: { type: 'calculation', title: 'Add', config: { engine: 'math.js', expression: '1 + 2' } } }));
const n2 = data(await nodes.create({ values: { type: 'condition', upstreamId: n1.id, config: { rejectOnFalse: false, engine: 'math.js', expression: '1 < 2' } } }));
const n3 = data(await nodes.create({ values: { type: 'calculation', upstreamId: n2.id, branchIndex: 1, config: { engine: 'math.js', expression: '5' } } }));
const copy = data(await api.resource('flow_nodes').duplicate({ filterByTk: n1.id, values: { upstreamId: n2.id, branchIndex: 0 } }));
assert.notEqual(copy.key, n1.key);
const moved = data(await api.resource('flow_nodes').move({ filterByTk: copy.id, values: { upstreamId: n3.id, branchIndex: null } }));
assert.equal(moved.upstreamId, n3.id);
assert.equal((await refused(api, () => api.resource('flow_nodes').move({ filterByTk: copy.id, values: { upstreamId: copy.id } }))).status, 400);
data(await api.resource('flow_nodes').destroy({ filterByTk: copy.id }));
assert.equal(data(await api.resource('flow_nodes').test({ values: { type: 'calculation', config: { engine: 'math.js', expression: '2 * 3' } } })).result, 6);

assert.equal(data(await workflows.update({ filterByTk: w.id, values: { enabled: true } }))[0].enabled, true);
const ran = data(await workflows.execute({ filterByTk: w.id, values: { data: blue.id } }));
assert.equal(ran.execution.status, 1);
const tag = data(await api.resource('tags').create({ values: { name: 'green' } }));
const runs = data(await api.resource('executions').list({ filter: { workflowId: w.id }, sort: '-id', appends: ['jobs', 'workflow'], except: ['output'] }));
assert.equal(runs.length, 2);
assert.equal(runs[0].status, 1);
assert.equal(runs[0].context.data.id, tag.id);
assert.equal(runs[0].jobs.length, 3);
assert.equal(runs[0].workflow.title, 'Count');
assert.equal(runs[0].dispatched, true);
assert.equal(data(await api.resource('jobs').get({ filterByTk: runs[0].jobs[0].id })).result, 3);
const seen = data(await workflows.get({ filterByTk: w.id, appends: ['nodes', 'stats', 'versionStats', 'createdBy'] }));
assert.equal(seen.nodes.length, 3);
assert.equal(Number(seen.stats.executed), 2);
assert.equal(Number(seen.versionStats.executed), 2);
assert.equal((await refused(api, () => workflows.update({ filterByTk: w.id, values: { config: { mode: 2, collection: 'tags' } } }))).status, 400);
const version = data(await workflows.revision({ filterByTk: w.id, filter: { key: w.key } }));
assert.equal(version.key, w.key);
assert.equal(data(await api.resource('executions').destroy({ filter: { key: w.key } })), 2);
assert.ok(data(await workflows.destroy({ filterByTk: w.id })) >= 1);
assert.equal((await refused(api, () => api.resource('executions').cancel({ filterByTk: 1 }))).status, 404);
assert.ok(Array.isArray(data(await api.resource('userWorkflowTasks').listMine())));
assert.ok(Array.isArray(data(await api.resource('workflowManualTasks').listMine())));

// ── The end ──

assert.equal(data(await posts.destroy({ filter: { title: ['one', 'two', 'three'] } })), 3);
await api.resource('collections.fields', 'posts').destroy({ filterByTk: 'color' });
await api.resource('collections.fields', 'posts').destroy({ filterByTk: 'tags' });
await api.resource('collections').destroy({ filterByTk: 'comments' });
assert.equal(data(await api.resource('collections').destroy({ filter: { name: ['posts', 'tags'] } })), 2);
const token = api.auth.token;
await api.auth.signOut();
const later = client();
later.auth.token = token;
assert.equal((await refused(later, () => later.resource('posts').list())).status, 401);
console.log('ok');
