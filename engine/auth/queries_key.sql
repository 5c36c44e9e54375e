-- name: insert key
INSERT INTO alur.api_keys (id, name, user_id, role_name, token_hash, hint, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: count keys
SELECT count(*) FROM alur.api_keys WHERE user_id = $1 AND revoked_at IS NULL

-- name: keys
-- $1: whose; 0 for everybody's. Those that are over come last.
SELECT k.id, k.name, k.user_id, k.role_name, k.hint, k.created_at, k.expires_at, k.used_at, k.used_ip, k.revoked_at, u.nickname
FROM alur.api_keys k
JOIN alur.users u ON u.id = k.user_id
WHERE CAST($1 AS bigint) = 0 OR k.user_id = $1
ORDER BY (k.revoked_at IS NOT NULL OR k.expires_at < $2), k.id DESC
LIMIT 1000

-- name: key
SELECT k.token_hash, k.user_id, 'key' AS kind, k.created_at, coalesce(k.used_at, k.created_at) AS used_at,
       k.expires_at IS NULL AS endless,
       coalesce(k.expires_at, k.created_at) AS expires_at, k.revoked_at, k.used_ip AS ip, '' AS agent,
       k.role_name AS key_role, k.name AS key_name,
       u.role, u.nickname, COALESCE(u.email, '') AS email, COALESCE(u.time_zone, '') AS time_zone, u.active,
       ARRAY(SELECT m.role_name FROM alur.roles_users m WHERE m.user_id = u.id ORDER BY m.created_at, m.role_name) AS more_roles,
       alur.shared_by(u.id) AS shared_by,
       (SELECT version FROM alur.rights) AS rights_version
FROM alur.api_keys k
JOIN alur.users u ON u.id = k.user_id
WHERE k.token_hash = $1

-- name: touch key
UPDATE alur.api_keys SET used_at = $2, used_ip = $4 WHERE token_hash = $1 AND (used_at IS NULL OR used_at < $3)

-- name: revoke key
-- $2: whose it must be; 0 for anybody's.
UPDATE alur.api_keys k
SET revoked_at = $3
FROM alur.users u
WHERE k.id = $1 AND (CAST($2 AS bigint) = 0 OR k.user_id = $2) AND k.revoked_at IS NULL AND u.id = k.user_id
RETURNING k.name, k.hint, k.user_id, u.nickname
