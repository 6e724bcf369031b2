-- CatalogueGet reads the permission catalogue.
-- name: CatalogueGet :one
SELECT version, document, updated_at FROM catalogue;

-- CatalogueLock reads it and holds it against changes until the transaction ends.
-- name: CatalogueLock :one
SELECT version, document, updated_at FROM catalogue FOR UPDATE;

-- CatalogueReplace writes it. The caller has locked it.
-- name: CatalogueReplace :one
UPDATE catalogue SET version = version + 1, document = @document, updated_at = @now RETURNING version, document, updated_at;
