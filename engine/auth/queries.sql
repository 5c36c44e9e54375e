-- name: user
SELECT id, nickname, COALESCE(username, '') AS username, COALESCE(email, '') AS email, role, active,
       ARRAY(SELECT m.role_name FROM alur.roles_users m WHERE m.user_id = users.id ORDER BY m.created_at, m.role_name) AS more_roles,
       password IS NOT NULL AS has_password, COALESCE(time_zone, '') AS time_zone,
       last_login_at, created_at, updated_at
FROM alur.users
WHERE id = $1

-- name: users
-- $1: text to look for in names and addresses, '' for all; $2: a role or ''.
SELECT id, nickname, COALESCE(username, '') AS username, COALESCE(email, '') AS email, role, active,
       ARRAY(SELECT m.role_name FROM alur.roles_users m WHERE m.user_id = users.id ORDER BY m.created_at, m.role_name) AS more_roles,
       password IS NOT NULL AS has_password, COALESCE(time_zone, '') AS time_zone,
       last_login_at, created_at, updated_at
FROM alur.users
WHERE ($1 = '' OR position(lower($1) IN lower(nickname || ' ' || COALESCE(username, '') || ' ' || COALESCE(email, ''))) > 0)
  AND ($2 = '' OR role = $2 OR id IN (SELECT user_id FROM alur.roles_users WHERE role_name = $2))
ORDER BY active DESC, lower(nickname), id
LIMIT $3 OFFSET $4

-- name: count users
SELECT count(*)
FROM alur.users
WHERE ($1 = '' OR position(lower($1) IN lower(nickname || ' ' || COALESCE(username, '') || ' ' || COALESCE(email, ''))) > 0)
  AND ($2 = '' OR role = $2 OR id IN (SELECT user_id FROM alur.roles_users WHERE role_name = $2))

-- name: lock user
SELECT id, nickname, COALESCE(username, '') AS username, COALESCE(email, '') AS email, role, active,
       ARRAY(SELECT m.role_name FROM alur.roles_users m WHERE m.user_id = users.id ORDER BY m.created_at, m.role_name) AS more_roles,
       password IS NOT NULL AS has_password, COALESCE(time_zone, '') AS time_zone,
       last_login_at, created_at, updated_at
FROM alur.users
WHERE id = $1
FOR UPDATE

-- name: user by account
SELECT id, COALESCE(password, '') AS password
FROM alur.users
WHERE active AND lower(email) = lower($1)
   OR active AND lower(username) = lower($1)
LIMIT 1

-- name: password of
SELECT COALESCE(password, '') FROM alur.users WHERE id = $1 AND active

-- name: insert user
INSERT INTO alur.users (id, nickname, username, email, password, role, time_zone, created_at, updated_at)
VALUES ($1, $2, NULLIF($3, ''), NULLIF($4, ''), NULLIF($5, ''), $6, NULLIF($7, ''), $8, $8)

-- name: update user
UPDATE alur.users
SET nickname = $2, username = NULLIF($3, ''), email = NULLIF($4, ''), role = $5, active = $6,
    time_zone = NULLIF($7, ''), updated_at = $8
WHERE id = $1

-- name: set password
UPDATE alur.users SET password = $2, updated_at = $3 WHERE id = $1

-- name: set password if unchanged
-- The old hash in the WHERE clause decides between two changes at once.
UPDATE alur.users SET password = $3, updated_at = $4 WHERE id = $1 AND password = $2 AND active

-- name: signed in
-- No row when the person was deactivated or the password changed meanwhile.
UPDATE alur.users SET last_login_at = $3 WHERE id = $1 AND password = $2 AND active
RETURNING id

-- name: delete user
DELETE FROM alur.users WHERE id = $1

-- name: has root
SELECT EXISTS (SELECT FROM alur.users WHERE role = 'root')
    OR EXISTS (SELECT FROM alur.roles_users WHERE role_name = 'root')

-- name: other roots
SELECT count(*) FROM alur.users
WHERE (role = 'root' OR id IN (SELECT user_id FROM alur.roles_users WHERE role_name = 'root'))
  AND active AND password IS NOT NULL AND id <> $1

-- name: lock
-- Held to the end of the transaction, across all processes.
SELECT pg_advisory_xact_lock(hashtextextended('auth ' || $1, 0))

-- name: zone
SELECT value FROM alur.settings WHERE key = 'time_zone'

-- name: set zone
INSERT INTO alur.settings (key, value, updated_at) VALUES ('time_zone', to_jsonb(CAST($1 AS text)), $2)
ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value, updated_at = EXCLUDED.updated_at

-- name: insert session
INSERT INTO alur.sessions (token_hash, user_id, kind, created_at, used_at, expires_at, ip, agent)
VALUES ($1, $2, $3, $4, $4, $5, $6, $7)

-- name: session
SELECT s.token_hash, s.user_id, s.kind, s.created_at, s.used_at, s.expires_at, s.revoked_at, s.renewed_at, s.ip, s.agent,
       u.role, u.nickname, COALESCE(u.email, '') AS email, COALESCE(u.time_zone, '') AS time_zone, u.active,
       ARRAY(SELECT m.role_name FROM alur.roles_users m WHERE m.user_id = u.id ORDER BY m.created_at, m.role_name) AS more_roles,
       alur.shared_by(u.id) AS shared_by,
       (SELECT version FROM alur.rights) AS rights_version
FROM alur.sessions s
JOIN alur.users u ON u.id = s.user_id
WHERE s.token_hash = $1

-- name: touch session
UPDATE alur.sessions SET used_at = $2 WHERE token_hash = $1 AND used_at < $3

-- name: sessions of
SELECT token_hash, user_id, kind, created_at, used_at, expires_at, revoked_at, ip, agent
FROM alur.sessions
WHERE user_id = $1 AND revoked_at IS NULL AND renewed_at IS NULL AND expires_at > $2 AND used_at > CASE kind WHEN 'api' THEN $4 ELSE CAST($3 AS timestamptz) END
ORDER BY used_at DESC, created_at DESC

-- name: renew session
WITH old AS (
    UPDATE alur.sessions
    SET renewed_at = $2, renewed_to = $3
    WHERE token_hash = $1 AND revoked_at IS NULL AND renewed_at IS NULL
    RETURNING user_id, kind, expires_at, ip, agent)
INSERT INTO alur.sessions (token_hash, user_id, kind, created_at, used_at, expires_at, ip, agent)
SELECT $3, user_id, kind, $2, $2, expires_at, ip, agent FROM old

-- name: revoke session
-- With the one whose token it replaced.
UPDATE alur.sessions SET revoked_at = $3
WHERE user_id = $2 AND (token_hash = $1 OR renewed_to = $1) AND revoked_at IS NULL

-- name: revoke sessions of
-- $3: the session that stays, or an empty value.
UPDATE alur.sessions SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL AND token_hash <> $3

-- name: sweep sessions
DELETE FROM alur.sessions WHERE expires_at < $1

-- name: sweep failures
DELETE FROM alur.login_failures WHERE failed_at < $1

-- name: sweep links
DELETE FROM alur.access_links WHERE expires_at < $1

-- name: insert failure
INSERT INTO alur.login_failures (subject, failed_at) VALUES ($1, $2)

-- name: forget failures
DELETE FROM alur.login_failures WHERE subject = $1

-- name: deciding failure
-- The failure that must grow old before the next try: the $3-th newest, counted
-- from 0, of those after $2. No row when a try is free.
SELECT failed_at
FROM alur.login_failures
WHERE subject = $1 AND failed_at > $2
ORDER BY failed_at DESC
OFFSET $3 LIMIT 1

-- name: insert link
INSERT INTO alur.access_links (token_hash, purpose, user_id, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5)

-- name: link
SELECT purpose, user_id, expires_at, used_at FROM alur.access_links WHERE token_hash = $1

-- name: use link
-- The WHERE clause is the lock: of several at once, one updates a row.
UPDATE alur.access_links
SET used_at = $2
WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2
RETURNING purpose, user_id, expires_at, used_at

-- name: void links of
-- Links that were not used count as used, so that their page can say so.
UPDATE alur.access_links SET used_at = $2 WHERE user_id = $1 AND used_at IS NULL

-- name: void setup links
UPDATE alur.access_links SET used_at = $1 WHERE purpose = 'setup' AND used_at IS NULL
