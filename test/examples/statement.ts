// The statements by which a PostgreSQL table guards itself with fences.

/** The guarded row, with the greatest fence that has written it. */
export const CREATE = `CREATE TABLE report (id int PRIMARY KEY, body text NOT NULL, fence bigint NOT NULL);
INSERT INTO report VALUES (1, '', 0);`;

/** A write by the holder of fence $2: changes one row, or none when a later tenure has written already. */
export const UPDATE = 'UPDATE report SET body = $1, fence = $2 WHERE id = 1 AND fence <= $2';
